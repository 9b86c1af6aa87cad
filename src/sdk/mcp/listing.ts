// Lists of tools name only what the credential may call: in an answer as a whole, and in each event of a stream.
import { isRecord } from './message.js';

export type Shows = (tool: unknown) => boolean;

/** The server writes its members as JSON.stringify does; where this is not in the text, there is no list in it. */
const TRACE = '"tools"';

/** The text of one JSON-RPC message. What is no list of tools stays as it is, to the byte. */
export function narrowedList(text: string, shows: Shows): string {
  if (!text.includes(TRACE)) return text;
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return text;
  }
  if (!isRecord(message) || !isRecord(message['result'])) return text;
  const { tools } = message['result'];
  if (!Array.isArray(tools)) return text;
  const narrowed = tools.filter((tool: unknown) => isRecord(tool) && shows(tool['name']));
  const result = { ...message['result'], tools: narrowed };
  // Whoever keeps it for others would show them what this one may do.
  if ('cacheScope' in result) result['cacheScope'] = 'private';
  return JSON.stringify({ ...message, result });
}

/**
 * The events of a stream (`text/event-stream`), each passed on when it is whole. All of them are looked at, whatever was
 * asked: of two requests with one id, a server may give the list to the stream of the other.
 *
 * @param lastWord what is said at the end, where there is something to say
 */
export function narrowedEvents(
  shows: Shows,
  lastWord: () => object | undefined,
): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let open = '';
  return new TransformStream({
    transform(piece, controller) {
      open += decoder.decode(piece, { stream: true });
      const end = open.lastIndexOf('\n\n') + 2;
      if (end < 2) return;
      const whole = open.slice(0, end);
      open = open.slice(end);
      controller.enqueue(encoder.encode(narrowedLines(whole, shows)));
    },
    // What is left open is an event that was never ended, so none.
    flush(controller) {
      const said = lastWord();
      if (said) controller.enqueue(encoder.encode(`event: message\ndata: ${JSON.stringify(said)}\n\n`));
    },
  });
}

function narrowedLines(text: string, shows: Shows): string {
  if (!text.includes(TRACE)) return text;
  return text
    .split('\n')
    .map((line) => (line.startsWith('data: ') ? `data: ${narrowedList(line.slice(6), shows)}` : line))
    .join('\n');
}
