// Channel configurations as configtxlator tells them in JSON: what is to be changed, and what an update changes.

import { createHash, X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

const CUSTODIANS = 'Custodians';
const CUSTODIANS_PATH = `/Channel/Application/${CUSTODIANS}`;
/** Every way to a full block of a peer's; those of event/Block come with private data on request. */
const FULL_BLOCKS = ['event/Block', 'qscc/GetBlockByNumber', 'qscc/GetBlockByHash', 'qscc/GetBlockByTxID', 'qscc/GetTransactionByID'];
/** Who of a custodian may have them. Its clients are doctors, patients and devices. */
const ROLES = ['ADMIN', 'PEER'];
const SIGNATURE_POLICY = 1;
const CONFIG_UPDATE = 2;
/** Certificates of an MSP, by what may be done with those that they sign or are. */
const CERTIFICATES = {
    root_certs: 'authority',
    intermediate_certs: 'intermediate authority',
    tls_root_certs: 'TLS authority',
    tls_intermediate_certs: 'intermediate TLS authority',
    admins: 'administrator',
};
const KINDS = ['values', 'policies', 'groups'];

/** What stands in the way, told to whoever runs the command. */
export class Refused extends Error {}

/** The configuration in a block that `peer channel fetch config` wrote. */
export function configOf(block) {
    const config = block.data?.data?.[0]?.payload?.data?.config;
    if (!config) throw new Refused('the block holds no configuration');
    return config;
}

/**
 * The configuration with custodians' rights: their peers and administrators only are given full blocks, and most of
 * them change the channel and the chaincode's definition. Undefined where it is so already.
 */
export function withCustodians(config, { organizations }) {
    const custodians = organizations.filter(({ kind }) => kind === 'custodian').map(({ msp }) => msp);
    const absent = custodians.filter((msp) => !members(config).has(msp));
    if (absent.length > 0) {
        throw new Refused(`custodians in organizations.json that are no members of the channel: ${absent.join(', ')}. Add them first, or correct organizations.json`);
    }
    const changed = structuredClone(config);
    const { policies, values } = changed.channel_group.groups.Application;
    const most = Math.floor(custodians.length / 2) + 1;
    const rights = { [CUSTODIANS]: some(1, custodians, ROLES), Admins: some(most, custodians, ['ADMIN']), LifecycleEndorsement: some(most, custodians, ['PEER']) };
    for (const [name, policy] of Object.entries(rights)) {
        if (!isDeepStrictEqual(policies[name]?.policy, policy)) policies[name] = { mod_policy: 'Admins', ...policies[name], policy };
    }
    const acls = Object.fromEntries(FULL_BLOCKS.map((resource) => [resource, { policy_ref: CUSTODIANS_PATH }]));
    values.ACLs ??= { mod_policy: 'Admins', value: {} };
    values.ACLs.value = { ...values.ACLs.value, acls: { ...values.ACLs.value.acls, ...acls } };
    return isDeepStrictEqual(changed, config) ? undefined : changed;
}

/** The configuration with an organisation as `configtxgen -printOrg` defines it, or undefined where it is a member. */
export function withOrganization(config, definition, { organizations }) {
    const { MSP } = definition.values ?? {};
    const msp = MSP?.value?.config?.name;
    if (!msp) throw new Refused('this is no definition of an organisation: make it with channel.sh define');
    const member = members(config).get(msp);
    if (member) {
        if (isDeepStrictEqual(member.values.MSP.value, MSP.value)) return undefined;
        throw new Refused(`${msp} is a member with other certificate authorities or node roles: another organisation of that id, or a change that its own administrators make`);
    }
    const kind = organizations.find((one) => one.msp === msp)?.kind ?? 'provider';
    if (kind !== 'custodian' && withCustodians(config, { organizations })) {
        throw new Refused(`${msp} is no custodian, and the channel is not the custodians' own yet: run channel.sh custodians first`);
    }
    const changed = structuredClone(config);
    changed.channel_group.groups.Application.groups[msp] = definition;
    return changed;
}

/** A definition with the organisation's anchor peer, HOST:PORT, if there is one. */
export function withAnchor(definition, anchor) {
    if (!anchor) return definition;
    const [host, port] = anchor.split(':');
    const peers = { mod_policy: 'Admins', value: { anchor_peers: [{ host, port: Number(port) }] }, version: '0' };
    return { ...definition, values: { ...definition.values, AnchorPeers: peers } };
}

/** The organisations of the channel by MSP id. */
function members(config) {
    const { groups } = config.channel_group.groups.Application;
    return new Map(Object.values(groups).map((group) => [group.values.MSP.value.config.name, group]));
}

/** So many of these organisations' roles. */
function some(count, msps, roles) {
    const principals = msps.flatMap((msp) => roles.map((role) => ({ msp_identifier: msp, role })));
    return {
        type: SIGNATURE_POLICY,
        value: {
            identities: principals.map((principal) => ({ principal, principal_classification: 'ROLE' })),
            rule: { n_out_of: { n: count, rules: principals.map((_, index) => ({ signed_by: index })) } },
            version: 0,
        },
    };
}

/** An update for administrators to sign. */
export function envelopeOf(update, channel) {
    return { payload: { header: { channel_header: { channel_id: channel, type: CONFIG_UPDATE } }, data: { config_update: update } } };
}

/** Who has signed an update: MSP id and certificate, with its name and role. */
export function signersOf(envelope) {
    return (envelope.payload.data.signatures ?? []).map(({ signature_header: { creator } }) => {
        const certificate = new X509Certificate(Buffer.from(creator.id_bytes, 'base64'));
        const { subject } = certificate;
        const field = (name) => new RegExp(`^${name}=(.*)$`, 'm').exec(subject)?.[1] ?? '-';
        return { msp: creator.mspid, certificate, name: field('CN'), role: field('OU') };
    });
}

export function hasSigned(envelope, msp, bytes) {
    const { fingerprint256 } = new X509Certificate(bytes);
    return signersOf(envelope).some((signer) => signer.msp === msp && signer.certificate.fingerprint256 === fingerprint256);
}

/**
 * What an update does to a configuration: `{ state, changes }`. It is 'pending' where it was prepared for
 * this configuration, 'effective' where the configuration is as it would make it, else 'stale'.
 */
export function compare(config, envelope) {
    const { read_set: read, write_set: write } = envelope.payload.data.config_update;
    const current = config.channel_group;
    if (standsOn(current, read)) return { state: 'pending', changes: differences(current, write, 'Channel') };
    return { state: holds(current, write) ? 'effective' : 'stale', changes: [] };
}

const entries = (group, kind) => Object.entries(group?.[kind] ?? {});
const version = (element) => Number(element?.version ?? 0);

/** Whether everything that an update was prepared for has the same version still. */
function standsOn(current, read) {
    return (
        current !== undefined &&
        version(current) === version(read) &&
        KINDS.every((kind) => entries(read, kind).every(([name, element]) => {
            const now = current[kind]?.[name];
            return kind === 'groups' ? standsOn(now, element) : now !== undefined && version(now) === version(element);
        }))
    );
}

/** Whether everything that an update writes is there. What it only counts has a version and no content. */
function holds(current, write) {
    return (
        current !== undefined &&
        version(current) >= version(write) &&
        KINDS.every((kind) => entries(write, kind).every(([name, element]) => {
            const now = current[kind]?.[name];
            if (kind === 'groups') return holds(now, element);
            const [is, becomes] = [content(now), content(element)];
            return now !== undefined && version(now) >= version(element) && (becomes === undefined || isDeepStrictEqual(is, becomes));
        }))
    );
}

const content = (element) => element?.value ?? element?.policy ?? undefined;

/** What becomes new, changes or goes, a line each. */
function differences(current, write, path) {
    const lines = [];
    const counted = version(write) !== version(current);
    if (counted && write.mod_policy !== current.mod_policy) lines.push(`${path}: changed by ${write.mod_policy} from now on`);
    for (const kind of KINDS) {
        for (const [name, element] of entries(write, kind)) {
            const now = current[kind]?.[name];
            const where = `${path}/${name}`;
            if (kind === 'groups' && now) lines.push(...differences(now, element, where));
            else if (kind === 'groups') lines.push(...organization(element, where));
            else if (!now || version(now) !== version(element)) lines.push(...changed(now, element, name, where));
        }
        if (!counted) continue;
        for (const [name] of entries(current, kind)) {
            if (!write[kind]?.[name]) lines.push(`${path}/${name}: removed`);
        }
    }
    return lines;
}

function changed(now, element, name, where) {
    const lines = [];
    if ((now?.mod_policy ?? 'Admins') !== element.mod_policy) lines.push(`${where}: changed by ${element.mod_policy} from now on`);
    if (name === 'ACLs') {
        const [before, after] = [now?.value?.acls ?? {}, element.value?.acls ?? {}];
        for (const resource of new Set([...Object.keys(before), ...Object.keys(after)])) {
            const [was, becomes] = [before[resource]?.policy_ref, after[resource]?.policy_ref];
            if (was !== becomes) lines.push(`${where}: ${resource} for ${becomes ?? 'whom Fabric gives it by default'}`);
        }
        return lines;
    }
    const what = element.policy === undefined ? JSON.stringify(element.value) : policyText(element.policy);
    return [...lines, `${where}: ${now ? 'becomes' : 'new,'} ${what}`];
}

function policyText(policy) {
    const { identities = [], rule } = policy.value ?? {};
    if (policy.type !== SIGNATURE_POLICY || !rule) return JSON.stringify(policy.value ?? policy);
    const who = ({ principal }) => (principal.msp_identifier ? `${principal.msp_identifier}.${principal.role.toLowerCase()}` : JSON.stringify(principal));
    const text = (one) => (one.n_out_of ? `${one.n_out_of.n} of (${one.n_out_of.rules.map(text).join(', ')})` : who(identities[one.signed_by ?? 0]));
    return text(rule);
}

/** A new organisation by what its administrators can be asked for: authorities by their fingerprints. */
function organization(group, where) {
    const config = group.values?.MSP?.value?.config;
    if (!config) return [`${where}: new, ${JSON.stringify(group)}`];
    const certificates = Object.entries(CERTIFICATES).flatMap(([kind, what]) => (config[kind] ?? []).map((bytes) => {
        const certificate = new X509Certificate(Buffer.from(bytes, 'base64'));
        const name = certificate.subject.split('\n').find((field) => field.startsWith('CN=')) ?? certificate.subject;
        return `${where}: ${what} ${name}, SHA-256 ${createHash('sha256').update(certificate.raw).digest('hex')}`;
    }));
    const policies = entries(group, 'policies').map(([name, { policy }]) => `${where}: ${name} ${policyText(policy)}`);
    const values = entries(group, 'values').filter(([name]) => name !== 'MSP').map(([name, { value }]) => `${where}: ${name} ${JSON.stringify(value)}`);
    const within = entries(group, 'groups').map(([name, inner]) => `${where}/${name}: new, ${JSON.stringify(inner)}`);
    const elements = [group, ...KINDS.flatMap((kind) => entries(group, kind).map(([, element]) => element))];
    const others = [...new Set(elements.map((element) => element.mod_policy))].filter((name) => name !== 'Admins');
    const rights = others.map((name) => `${where}: changed by ${name} in part`);
    return [`${where}: new, MSP ${config.name}`, ...certificates, ...policies, ...values, ...within, ...rights];
}
