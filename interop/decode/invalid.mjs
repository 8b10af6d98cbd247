// Transactions that end with every code a client can bring about.

const put = (key, value) => ({ fn: 'Write', args: { writes: [{ op: 'put', key, value }] } });
const readAndPut = (key, value) => ({ fn: 'ReadThenWrite', args: { read: { keys: [key] }, writes: [{ op: 'put', key, value }] } });
const BURST = 30;

/** Submits them; resolves to what commit status told of each id. */
export async function invalidTransactions(clients) {
    const endorse = (one) => clients.proposal(one).endorse();
    const outcome = async (commit) => {
        const status = await commit.getStatus();
        return { txId: status.transactionId, code: status.code };
    };
    const told = [];
    const submit = async (transaction) => told.push(await outcome(await transaction.submit()));

    // Two that read the same version of one key.
    for (const transaction of await Promise.all([endorse(readAndPut('contested', '1')), endorse(readAndPut('contested', '2'))])) await submit(transaction);

    // A range that is not what it was.
    const ranged = await endorse({ fn: 'Range', args: { start: 'm', end: 'n' } });
    await submit(await endorse(put('m0000', 'between')));
    await submit(ranged);

    // One organisation where the policy asks for two.
    const alone = clients.contract('Org1MSP').newProposal('Write', {
        arguments: [JSON.stringify(put('alone', '1').args)],
        endorsingOrganizations: ['Org1MSP'],
    });
    await submit(await alone.endorse());

    // The same envelope twice: commit status speaks of the first.
    const twice = await endorse(put('twice', '1'));
    await submit(twice);
    await submit(twice);

    // Many at a time, for blocks of several.
    const burst = await Promise.all(Array.from({ length: BURST }, (_, i) => endorse(put(`burst${i}`, 'x'))));
    told.push(...(await Promise.all((await Promise.all(burst.map((one) => one.submit()))).map(outcome))));
    return told;
}
