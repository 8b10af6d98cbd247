// The judge contract with one function of the health contract, which writes something else.

import { functions } from './judge.mjs';

functions.PutUnit = async (stub, { unit }) => {
    await stub.putState(unit, 'forged');
    return null;
};
