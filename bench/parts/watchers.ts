// Verifiers in a process of their own, as tools have them: told by their parent what to honour, they tell when they stopped.
import { setTimeout as pause } from 'node:timers/promises';
import type * as Sdk from '../../src/sdk/verifier/index.js';
import { TOOL } from './broker.js';
import type { FromWatchers, ToWatchers, WatchersTerms } from './watching.js';

/** Credentials of ended tasks are shown again and again, so that one that came to life again would be noticed. */
const MOST_DEAD_KEPT = 256;
const PROBE_EVERY_MS = 2;
const STALE_FOR_MS = 20_000;
const PAUSE_MS = 50;

/** As it is shipped: what runs TypeScript as it stands adds to every closure. */
const { CredentialRefused, Verifier } = (await import(process.argv[2]!)) as typeof Sdk;

const want = { tool: TOOL.name, action: TOOL.actions[0], resource: 'accounts/eu/7' };
/** Of the whole machine: the same for every process. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const say = (message: FromWatchers): void => void process.send!(message);

const verifiers: Sdk.Verifier[] = [];
/** Of the task at hand, and by verifier: what is shown to it. */
let shown: (readonly string[])[] = [];
let refusing: boolean[] = [];
const dead: string[] = [];
let wrong = 0;
let probes = 0;
let stale = 0;

async function open({ count, urls, issuer, token }: WatchersTerms): Promise<void> {
  for (let at = 0; at < count; at++)
    verifiers.push(
      new Verifier({
        broker: urls[at % urls.length]!,
        issuer,
        token,
        tools: { [TOOL.name]: { audience: TOOL.audience, plane: 'data' } },
        reportCalls: false,
      }),
    );
  await Promise.all(verifiers.map((verifier) => verifier.ready({ timeoutMs: 60_000 })));
  setInterval(probe, PROBE_EVERY_MS).unref();
  say({ kind: 'opened' });
}

/** Every verifier honours its share of a task's credentials, and one of them in any case. */
async function honour(credentials: readonly string[]): Promise<void> {
  shown = verifiers.map((_, at) => {
    const share = credentials.filter((_credential, index) => index % verifiers.length === at);
    return share.length > 0 ? share : [credentials[at % credentials.length]!];
  });
  refusing = verifiers.map(() => false);
  let left = verifiers.length;
  let last = 0;
  const ended = async (verifier: Sdk.Verifier, at: number): Promise<void> => {
    await refused(verifier, at);
    last = Math.max(last, now());
    if (--left > 0) return;
    // From here on nobody may accept them, whoever they are shown to.
    for (const [one] of shown) dead.push(one!);
    dead.splice(0, dead.length - MOST_DEAD_KEPT);
    say({ kind: 'refusing', lastAt: last, wrong, probes, stale });
  };
  await Promise.all(
    verifiers.map(async (verifier, at) => {
      const accepted = [];
      for (const one of shown[at]!) accepted.push(await acceptedAt(verifier, one));
      const { signal } = verifier.watch(accepted[0]!);
      signal.addEventListener('abort', () => void ended(verifier, at));
    }),
  );
  say({ kind: 'honouring' });
}

/** Where all the verifiers of many machines share two cores, one may not have had its turn for long: it is waited for. */
async function acceptedAt(verifier: Sdk.Verifier, credential: string): Promise<Sdk.VerifiedCredential> {
  for (const until = now() + STALE_FOR_MS; ; await pause(PAUSE_MS)) {
    try {
      return await verifier.verify(credential, want);
    } catch (error) {
      if (!(error instanceof CredentialRefused) || error.code !== 'ERR_STALE' || now() > until) throw error;
      stale++;
    }
  }
}

/** Every one of them, asked for once more. */
async function refused(verifier: Sdk.Verifier, at: number): Promise<void> {
  for (const one of shown[at]!) if (await accepts(verifier, one)) wrong++;
  refusing[at] = true;
}

const accepts = (verifier: Sdk.Verifier, credential: string): Promise<boolean> =>
  verifier.verify(credential, want).then(
    () => true,
    () => false,
  );

async function tried(verifier: Sdk.Verifier, credential: string, isDead: boolean): Promise<void> {
  if ((await accepts(verifier, credential)) && isDead) wrong++;
}

/** What a caller does meanwhile who has not heard of the end. */
function probe(): void {
  const at = Math.floor(Math.random() * verifiers.length);
  const verifier = verifiers[at]!;
  const wasRefusing = refusing[at] === true;
  const [own] = shown[at] ?? [];
  const old = dead[Math.floor(Math.random() * dead.length)];
  for (const [credential, isDead] of [
    [own, wasRefusing],
    [old, true],
  ] as const)
    if (credential !== undefined) {
      probes++;
      void tried(verifier, credential, isDead);
    }
}

process.on('message', (message: ToWatchers) => {
  const work =
    message.kind === 'open'
      ? open(message.terms)
      : message.kind === 'honour'
        ? honour(message.credentials)
        : Promise.all(verifiers.map((verifier) => verifier.close())).then(() => process.exit(0));
  work.catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
