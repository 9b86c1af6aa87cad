// Why something on the network could not be had, in words, and what to do: by the codes that Node gives.
import { types } from 'node:util';

export interface Trouble {
  readonly why: string;
  readonly todo: string;
}

const BY_CODE: Readonly<Record<string, readonly [why: string, todo: string]>> = {
  ECONNREFUSED: ['nothing listens there', 'Start it, or correct the address.'],
  ECONNRESET: [
    'the connection broke',
    'Is it a TLS port that is spoken to in plain text, or the other way round?',
  ],
  EPIPE: [
    'the connection broke',
    'Is it a TLS port that is spoken to in plain text, or the other way round?',
  ],
  ENOTFOUND: ['there is no such host', 'Correct the name, or the DNS of this machine.'],
  EAI_AGAIN: ['the name cannot be looked up', 'Look after the DNS of this machine (/etc/resolv.conf).'],
  ETIMEDOUT: ['nobody answers', 'Is there a firewall or a network policy between this machine and it?'],
  EHOSTUNREACH: ['there is no way to that host', 'Look at routes, firewalls and network policies.'],
  ENETUNREACH: ['there is no way to that network', 'Look at routes, firewalls and network policies.'],
  CERT_HAS_EXPIRED: [
    'its certificate has expired',
    'Renew the certificate there; if it is fresh, the clock here is off.',
  ],
  CERT_NOT_YET_VALID: [
    'its certificate is not valid yet',
    'Compare the clock of this machine with that one.',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another name',
    'Use a name that stands in its certificate, or give it one for this name.',
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'its certificate is signed by itself',
    'Name the certificate or its authority in ca_file (NODE_EXTRA_CA_CERTS where there is none).',
  ],
  SELF_SIGNED_CERT_IN_CHAIN: [
    'its authority is not known here',
    'Name the authority in ca_file (NODE_EXTRA_CA_CERTS where there is none).',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'its authority is not known here, or it does not send the certificates in between',
    'Name the authority in ca_file, and have the server send its whole chain.',
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'its authority is not known here',
    'Name the authority in ca_file (NODE_EXTRA_CA_CERTS where there is none).',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: ['it does not speak TLS on that port', 'Correct the port, or the scheme.'],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ['it wants a certificate of ours', 'Give it one.'],
};

/** `fetch` and connections say only that it failed; why is in the cause. */
export function troubleIn(error: unknown): Trouble {
  const texts: string[] = [];
  for (let at: unknown = error; types.isNativeError(at) || at instanceof DOMException; at = at.cause) {
    const { code, name, message } = at as NodeJS.ErrnoException;
    const known = BY_CODE[code ?? ''];
    if (known) return { why: known[0], todo: known[1] };
    if (name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT') {
      const [why, todo] = BY_CODE['ETIMEDOUT']!;
      return { why, todo };
    }
    if (message !== '' && message !== 'fetch failed') texts.push(message);
  }
  return {
    why: texts.join(': ') || String(error),
    todo: 'Look at its log, and at what stands between it and this machine.',
  };
}
