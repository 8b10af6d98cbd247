// Where a shim legitimately differs from the others. Each entry is checked: one that no longer
// applies fails, and so does a difference that is not listed.
//
// `modes` defaults to both. `answer`, `refused` or `fault` replaces the case's own expectation;
// `readWriteSet: true` says that the committed read-write set differs from the reference's.

export const DIFFERENCES = [
    {
        shim: 'go',
        title: 'a range given up after its first batch',
        why: 'The Go shim asks for the next batch when it hands out the last row of one, so that its HasNext is exact; the peer has then read, and recorded, 100 rows more. The others ask when they need a row.',
        readWriteSet: true,
    },
    {
        shim: 'go',
        modes: ['batched'],
        title: 'a private range after a write',
        why: 'In a write batch the peer learns of the write when the function has returned, after the range: it refuses the write instead of the range. The transaction fails either way.',
        fault: 'unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed',
    },
    {
        shim: 'shim-crate',
        title: 'a range with open ends sees simple keys only',
        why: 'The crate sends an open start as the empty key, where the others send U+0001: its range begins with the composite keys.',
        answer: [['\0item\0x\x001\0', 'x1'], ['\0item\0x\x002\0', 'x2'], ['\0item\0xy\x001\0', 'xy1']],
        readWriteSet: true,
    },
    {
        shim: 'contract-rs',
        title: 'a stranger reads from a collection for members',
        why: 'The server knows this refusal of the peer and gives it a stable code instead of passing the text on; it ends with ERROR, like everything that is not the contract\'s own decision.',
        fault: 'transaction returned with failure: COLLECTION_ACCESS_DENIED: the collection does not admit the caller',
    },
    {
        shim: 'contract-rs',
        title: 'a stranger writes to a collection for members',
        why: 'As for the read.',
        fault: 'transaction returned with failure: COLLECTION_ACCESS_DENIED: the collection does not admit the caller',
    },
    {
        shim: 'contract-rs',
        title: 'a failure with status 500',
        why: 'A status from 500 on is this endorser\'s fault, not the contract\'s decision: the server ends it with ERROR, so that the gateway asks another peer and no payload or read-write set reaches the client. The other shims send COMPLETED.',
        fault: 'transaction returned with failure: JUDGE_REFUSES: the judge says no',
    },
];
