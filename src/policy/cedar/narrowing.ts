// Checks that what comes to pass in a task only narrows: signals, holdings and refusals may make a forbid hold, and nothing else.
import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';

/*
 * Each of these only grows. So authority never widens where no permit reads them, and where a forbid that holds goes on
 * to hold when they grow. The second is told by the sign of each expression: `up` grows with them, `down` shrinks
 * (false counts as less than true), `free` does not depend on them, `mixed` is anything else.
 */
type Sign = 'free' | 'up' | 'down' | 'mixed';

const GROWING: ReadonlySet<string> = new Set(['signals', 'held', 'refusals']);

/** What is wrong, or undefined where the policy can only narrow. */
export function wideningIn({ effect, conditions }: PolicyJson): string | undefined {
  for (const { kind, body } of conditions) {
    const sign = signOf(body);
    if (sign === 'free') continue;
    if (effect === 'permit')
      return 'a permit may not rest on context.signals, context.held or context.refusals, as these only narrow: say it in a forbid';
    if (sign !== (kind === 'when' ? 'up' : 'down'))
      return 'context.signals, context.held and context.refusals only narrow: what this forbid forbids, it must go on to forbid when more of them comes';
  }
  return undefined;
}

const FLIPPED: Readonly<Record<Sign, Sign>> = { free: 'free', up: 'down', down: 'up', mixed: 'mixed' };
const flip = (sign: Sign): Sign => FLIPPED[sign];

/** Of something that grows with each of them. */
const both = (...signs: readonly Sign[]): Sign => {
  const bound = [...new Set(signs.filter((sign) => sign !== 'free'))];
  return bound.length === 0 ? 'free' : bound.length === 1 ? bound[0]! : 'mixed';
};

/** Of something that depends on each of them in a way that is not looked into. */
const neither = (...signs: readonly Sign[]): Sign =>
  signs.every((sign) => sign === 'free') ? 'free' : 'mixed';

/** Far from 2^53, whatever is added up. */
const SMALL = 1e9;

/**
 * A sum that is beyond 2^53 is an error, and a forbid that errs forbids: with more refusals it could come back into what
 * can be computed, and forbid no more. So nothing is added to what grows but small numbers and what grows as well.
 */
function sum(left: Expr, right: Expr, rightSign: Sign): Sign {
  const sign = both(signOf(left), rightSign);
  return sign === 'free' || (isSmall(left) && isSmall(right)) ? sign : 'mixed';
}

const isSmall = (body: Expr): boolean => {
  if ('Value' in body) return typeof body.Value === 'number' && Math.abs(body.Value) <= SMALL;
  const [operator, { left, right, arg }] = Object.entries(body)[0] as [string, Operand];
  if (operator === 'neg') return isSmall(arg);
  if (operator === '+' || operator === '-') return isSmall(left) && isSmall(right);
  return operator === '.' && signOf(body) === 'up';
};

type Operand = { readonly left: Expr; readonly right: Expr; readonly arg: Expr; readonly attr: string };

const RULES: Readonly<Record<string, (operand: Operand) => Sign>> = {
  '.': ({ left, attr }) => (isContext(left) ? (GROWING.has(attr) ? 'up' : 'free') : signOf(left)),
  // Which members there are is fixed by the schema, also of what is held.
  has: ({ left }) => (isContext(left) || isPath(left) ? 'free' : signOf(left)),
  '!': ({ arg }) => flip(signOf(arg)),
  neg: ({ arg }) => flip(signOf(arg)),
  isEmpty: ({ arg }) => flip(signOf(arg)),
  '&&': ({ left, right }) => both(signOf(left), signOf(right)),
  '||': ({ left, right }) => both(signOf(left), signOf(right)),
  '+': ({ left, right }) => sum(left, right, signOf(right)),
  '-': ({ left, right }) => sum(left, right, flip(signOf(right))),
  '<': ({ left, right }) => both(flip(signOf(left)), signOf(right)),
  '<=': ({ left, right }) => both(flip(signOf(left)), signOf(right)),
  '>': ({ left, right }) => both(signOf(left), flip(signOf(right))),
  '>=': ({ left, right }) => both(signOf(left), flip(signOf(right))),
  contains: ({ left, right }) => both(signOf(left), neither(signOf(right))),
  containsAll: ({ left, right }) => both(signOf(left), flip(signOf(right))),
  containsAny: ({ left, right }) => both(signOf(left), signOf(right)),
};

function signOf(body: Expr): Sign {
  const [operator, operand] = Object.entries(body)[0] as [string, unknown];
  switch (operator) {
    case 'Value':
    case 'Slot':
      return 'free';
    // All of it at once: whoever compares the context as a whole depends on these, too.
    case 'Var':
      return operand === 'context' ? 'mixed' : 'free';
    case 'if-then-else': {
      const parts = operand as { if: Expr; then: Expr; else: Expr };
      return both(neither(signOf(parts.if)), signOf(parts.then), signOf(parts.else));
    }
    case 'Record':
      return neither(...Object.values(operand as Record<string, Expr>).map(signOf));
    case 'like':
      return neither(signOf((operand as { left: Expr }).left));
    case 'is': {
      const { left, in: within } = operand as { left: Expr; in?: Expr };
      return neither(signOf(left), within ? signOf(within) : 'free');
    }
    default: {
      // A set, or a call of an extension.
      if (Array.isArray(operand)) return neither(...(operand as Expr[]).map(signOf));
      const rule = Object.hasOwn(RULES, operator) ? RULES[operator] : undefined;
      return rule ? rule(operand as Operand) : neither(...sidesOf(operand as Operand).map(signOf));
    }
  }
}

const sidesOf = ({ left, right, arg }: Operand): Expr[] =>
  [left, right, arg].filter((side) => side !== undefined);

const isContext = (body: Expr): boolean => 'Var' in body && body.Var === 'context';

/** `context.held` and the like: a record that is always there. */
const isPath = (body: Expr): boolean => {
  if (!('.' in body)) return false;
  const { left } = (body as { '.': { left: Expr } })['.'];
  return isContext(left) || isPath(left);
};
