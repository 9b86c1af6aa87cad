// How proofs of possession (RFC 9449) are taken, as the file writes it.
import { z } from 'zod';
import { duration } from './values.js';

export const dpopSchema = z.strictObject({
  nonces: z
    .enum(['optional', 'required'])
    .prefault('optional')
    .describe('whether every proof must hold a nonce that this broker gave out'),
  proof_max_age: duration('1s', '10m')
    .prefault('60s')
    .describe('how old a proof may be; each is good for one request in any case'),
  clock_tolerance: duration('0s', '5m')
    .prefault('30s')
    .describe("how far the clocks of proofs' makers may be off"),
});
