// The broker's own certificate, as the file names it.
import { z } from 'zod';
import { text } from './values.js';

export const tlsSchema = z.strictObject({
  certificate_file: text().describe('our certificate and those between it and its authority, PEM'),
  key_file: text().describe('its private key, PEM, not encrypted'),
  client_ca_file: text()
    .optional()
    .describe('authorities, PEM: who has no certificate of theirs is not let in at all'),
});
