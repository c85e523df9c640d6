/**
 * Where the sources and the one destination of the measured packets are.
 *
 *   policy-shape, policy-resources, lane ← [addresses]
 */

/** Behind `west` are the sources, behind `east` the one destination. */
export const sources = { network: [10, 1], prefix: '10.1.0.0/16', router: '10.1.255.254/16' } as const;
export const destination = { octets: [10, 2, 0, 2], address: '10.2.0.2', router: '10.2.0.1/24' } as const;
