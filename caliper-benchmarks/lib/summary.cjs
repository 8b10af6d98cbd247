'use strict';

// The summaries that the workloads submit: one window after the other on a patient's calendar, each
// a function of the device and the window alone, so that submitting it again changes nothing.

const { createHash } = require('node:crypto');

const CODE = '8867-4'; // heart rate
const GRID_S = 300;
const GRID_MS = GRID_S * 1000;
/** Windows are counted from here; a calendar up to today has room for 2.8 million of them. */
const ORIGIN = Date.UTC(2000, 0, 1);

const startOf = (window) => ORIGIN + window * GRID_MS;
/** Windows that have ended. */
const windowsUntil = (now) => Math.floor((now - ORIGIN) / GRID_MS);

function summary(device, window) {
    const digest = createHash('sha256').update(`${device} ${window}`).digest();
    // Between 60.0 and 85.5 beats a minute, and the others around it.
    const average = 60 + digest[0] / 10;
    const value = (stat, number) => ({ stat, value: number.toFixed(1) });
    return {
        code: CODE,
        grid_s: GRID_S,
        start: startOf(window),
        unit: '/min',
        statistics: [
            value('average', average),
            value('minimum', average - 12.4),
            value('maximum', average + 21.7),
            value('median', average - 0.6),
        ],
        count: 355,
        total_count: 357,
        raw: {
            alg: 'sha-256',
            digest: digest.toString('hex'),
            sample_count: 30_000,
            format: 'ioht-raw/1',
            locator: `w-${window}`,
        },
        modality: 'sensed',
        status: 'final',
    };
}

/** The question for `count` windows. */
function page(window, count) {
    return { code: CODE, grid_s: GRID_S, from: startOf(window), until: startOf(window + count) };
}

module.exports = { ORIGIN, page, startOf, summary, windowsUntil };
