// Changes of a channel's configuration, on configurations as configtxlator writes them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Refused, compare, envelopeOf, withCustodians, withAnchor, withOrganization } from '../lib/configuration.mjs';

const FULL_BLOCKS = ['event/Block', 'qscc/GetBlockByHash', 'qscc/GetBlockByNumber', 'qscc/GetBlockByTxID', 'qscc/GetTransactionByID'];
const CUSTODIANS = '/Channel/Application/Custodians';

const element = (content) => ({ mod_policy: 'Admins', version: '0', ...content });
const organization = (msp, extra = {}) => element({ groups: {}, policies: {}, values: { MSP: element({ value: { config: { name: msp, root_certs: [], ...extra } } }) } });
const channel = (...msps) => ({
    channel_group: element({
        values: {},
        policies: {},
        groups: {
            Application: element({
                groups: Object.fromEntries(msps.map((msp) => [msp, organization(msp)])),
                policies: { Admins: element({ policy: { type: 3 } }) },
                values: { Capabilities: element({ value: { capabilities: { V2_5: {} } } }) },
            }),
        },
    }),
});
const policies = (...custodians) => ({ organizations: [...custodians.map((msp) => ({ msp, kind: 'custodian' })), { msp: 'ClinicMSP', kind: 'provider' }] });
const application = (config) => config.channel_group.groups.Application;
const refused = (run, words) => assert.throws(run, (error) => error instanceof Refused && words.test(error.message));

/** An update of one group of the application, with versions as configtxlator counts them. */
const update = (read, write) => envelopeOf({ read_set: { version: '0', groups: { Application: read } }, write_set: { version: '0', groups: { Application: write } } }, 'mychannel');
const changes = (config, read, write) => compare(config, update(read, write)).changes;

test('full blocks and changes are for custodians, and a second time nothing is to be changed', () => {
    const before = channel('AMSP', 'BMSP', 'ClinicMSP');
    const after = withCustodians(before, policies('AMSP', 'BMSP'));
    const { acls } = application(after).values.ACLs.value;
    assert.deepEqual(Object.keys(acls).sort(), FULL_BLOCKS);
    assert.ok(Object.values(acls).every(({ policy_ref: policy }) => policy === CUSTODIANS));
    const { identities, rule } = application(after).policies.Custodians.policy.value;
    assert.deepEqual(identities.map(({ principal }) => principal), ['AMSP', 'BMSP'].flatMap((msp) => ['ADMIN', 'PEER'].map((role) => ({ msp_identifier: msp, role }))));
    assert.deepEqual(rule, { n_out_of: { n: 1, rules: [0, 1, 2, 3].map((index) => ({ signed_by: index })) } });
    const most = (name) => application(after).policies[name].policy.value;
    for (const [name, role] of [['Admins', 'ADMIN'], ['LifecycleEndorsement', 'PEER']]) {
        assert.equal(most(name).rule.n_out_of.n, 2);
        assert.deepEqual(most(name).identities.map(({ principal }) => principal), ['AMSP', 'BMSP'].map((msp) => ({ msp_identifier: msp, role })));
    }
    assert.equal(withCustodians(after, policies('AMSP', 'BMSP')), undefined);
    assert.equal(application(before).values.ACLs, undefined);
});

test('what others have set stays, and one way to full blocks that is open is closed', () => {
    const config = withCustodians(channel('AMSP', 'BMSP'), policies('AMSP', 'BMSP'));
    const { acls } = application(config).values.ACLs.value;
    acls['peer/Propose'] = { policy_ref: '/Channel/Application/Writers' };
    acls['qscc/GetBlockByHash'] = { policy_ref: '/Channel/Application/Readers' };
    const mended = application(withCustodians(config, policies('AMSP', 'BMSP'))).values.ACLs.value.acls;
    assert.equal(mended['peer/Propose'].policy_ref, '/Channel/Application/Writers');
    assert.equal(mended['qscc/GetBlockByHash'].policy_ref, CUSTODIANS);
});

test('custodians that come later count, and those that are no members are refused', () => {
    const config = withCustodians(channel('AMSP', 'BMSP', 'CMSP'), policies('AMSP', 'BMSP'));
    const { Custodians, Admins } = application(withCustodians(config, policies('AMSP', 'BMSP', 'CMSP'))).policies;
    assert.equal(Custodians.policy.value.identities.length, 6);
    assert.equal(Admins.policy.value.rule.n_out_of.n, 2);
    refused(() => withCustodians(config, policies('AMSP', 'TypoMSP')), /no members of the channel: TypoMSP/);
});

test('an organisation joins once, and a provider only where the channel is for custodians to change', () => {
    const open = channel('AMSP', 'BMSP');
    const closed = withCustodians(open, policies('AMSP', 'BMSP'));
    for (const provider of ['ClinicMSP', 'UnlistedMSP']) {
        refused(() => withOrganization(open, organization(provider), policies('AMSP', 'BMSP')), /run channel.sh custodians first/);
        const joined = withOrganization(closed, organization(provider), policies('AMSP', 'BMSP'));
        assert.deepEqual(Object.keys(application(joined).groups), ['AMSP', 'BMSP', provider]);
        assert.equal(withOrganization(joined, organization(provider), policies('AMSP', 'BMSP')), undefined);
        refused(() => withOrganization(joined, organization(provider, { root_certs: ['other'] }), policies('AMSP', 'BMSP')), /other certificate authorities/);
    }
    assert.ok(withOrganization(open, organization('CMSP'), policies('AMSP', 'BMSP', 'CMSP')));
    refused(() => withOrganization(closed, { values: {} }, policies('AMSP', 'BMSP')), /no definition of an organisation/);
});

test('an anchor peer joins a definition', () => {
    const { AnchorPeers } = withAnchor(organization('CMSP'), 'peer0.c.example.com:7051').values;
    assert.deepEqual(AnchorPeers.value, { anchor_peers: [{ host: 'peer0.c.example.com', port: 7051 }] });
    assert.deepEqual(withAnchor(organization('CMSP')), organization('CMSP'));
});

test('signers are told what becomes new, changes and goes', () => {
    const config = channel('AMSP', 'BMSP');
    const members = { Admins: { version: '0' } };
    const counted = (rest) => ({ version: '1', mod_policy: 'Admins', policies: members, values: { Capabilities: { version: '0' } }, ...rest });
    const both = { AMSP: { version: '0' }, BMSP: { version: '0' } };
    const told = (rest) => changes(config, { version: '0' }, counted(rest));
    assert.deepEqual(told({ groups: both }), []);
    assert.deepEqual(told({ groups: { AMSP: both.AMSP } }), ['Channel/Application/BMSP: removed']);
    assert.deepEqual(told({ groups: both, mod_policy: 'Writers' }), ['Channel/Application: changed by Writers from now on']);
    assert.deepEqual(told({ groups: both, policies: { Admins: { version: '1', mod_policy: 'Writers', policy: { type: 3, value: { rule: 'ANY' } } } } }), [
        'Channel/Application/Admins: changed by Writers from now on',
        'Channel/Application/Admins: becomes {"rule":"ANY"}',
    ]);
    const newcomer = { ...organization('CMSP'), mod_policy: 'Writers' };
    newcomer.values.Endpoints = element({ value: { addresses: ['x:1'] } });
    assert.deepEqual(told({ groups: { ...both, CMSP: newcomer } }), [
        'Channel/Application/CMSP: new, MSP CMSP',
        'Channel/Application/CMSP: Endpoints {"addresses":["x:1"]}',
        'Channel/Application/CMSP: changed by Writers in part',
    ]);
});

test('lists of rights are told by what differs', () => {
    const config = withCustodians(channel('AMSP', 'BMSP'), policies('AMSP', 'BMSP'));
    application(config).values.ACLs.version = '4';
    const acls = { ...application(config).values.ACLs.value.acls, 'peer/Propose': { policy_ref: 'Writers' } };
    delete acls['event/Block'];
    assert.deepEqual(changes(config, { version: '0' }, { version: '0', values: { ACLs: { version: '5', mod_policy: 'Admins', value: { acls } } } }), [
        'Channel/Application/ACLs: event/Block for whom Fabric gives it by default',
        'Channel/Application/ACLs: peer/Propose for Writers',
    ]);
});

test('an update is pending, then in effect, or prepared for what is no longer', () => {
    const value = { capabilities: { V2_5: {}, V3_0: {} } };
    const envelope = update({ version: '0' }, { version: '0', values: { Capabilities: { version: '1', mod_policy: 'Admins', value } } });
    // Standing on version 0 of the value itself, as configtxlator has it where nothing becomes new.
    envelope.payload.data.config_update.read_set.groups.Application.values = { Capabilities: { version: '0' } };
    const now = channel('AMSP', 'BMSP');
    assert.equal(compare(now, envelope).state, 'pending');
    application(now).values.Capabilities = element({ version: '1', value });
    assert.equal(compare(now, envelope).state, 'effective');
    application(now).values.Capabilities.value = { capabilities: { V2_0: {} } };
    assert.equal(compare(now, envelope).state, 'stale');
});
