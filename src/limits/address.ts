// Who counts as one caller by address: an IPv4 address, or the /64 that a network gives to one host or site.

const GROUPS = 8;
const GROUPS_OF_A_NETWORK = 4;

/**
 * One IPv6 host has 2^64 addresses to call from: each by itself would have a limit of its own.
 * RFC 4291 §2.5.4: the first 64 bits are the network, the rest is the host's to choose.
 */
export function callerAt(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = ''] = address.split('%', 1);
  const [before = '', after] = plain.split('::');
  const left = groupsOf(before);
  const right = groupsOf(after ?? '');
  const missing = after === undefined ? 0 : Math.max(0, GROUPS - left.length - right.length);
  const groups = [...left, ...Array<string>(missing).fill('0'), ...right];
  return `${groups
    .slice(0, GROUPS_OF_A_NETWORK)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** An IPv4 address at the end stands for two groups. */
const groupsOf = (part: string): string[] =>
  part === '' ? [] : part.split(':').flatMap((group) => (group.includes('.') ? ['v4', 'v4'] : [group]));
