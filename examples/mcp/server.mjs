// An MCP server that keeps notes, and lets in only agents with a credential for the task that they are at.
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { credentialOf, protectMcp } from 'mayfly/mcp';
import { Verifier } from 'mayfly/verifier';
import { z } from 'zod';

const { MAYFLY_URL = '', MAYFLY_TOKEN_FILE = '', NOTES_URL = '' } = process.env;

/** @type {Map<string, string>} */
const notes = new Map([
  ['milk', 'Buy milk on the way home.'],
  ['mayfly', 'A mayfly lives for a day, and needs no key after that.'],
]);

/** @param {string} text */
const said = (text) => ({ content: [{ type: /** @type {const} */ ('text'), text }] });

/** One for each request: the protocol keeps no state between them. */
function makeServer() {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool(
    'search_notes',
    { description: 'The notes that contain a word.', inputSchema: z.object({ word: z.string() }) },
    ({ word }) => said([...notes.values()].filter((note) => note.includes(word)).join('\n')),
  );
  server.registerTool(
    'add_note',
    {
      description: 'Writes a note, or writes it anew.',
      inputSchema: z.object({ name: z.string(), note: z.string() }),
    },
    ({ name, note }, context) => {
      const { taskId } = credentialOf(context);
      notes.set(name, `${note} (${taskId})`);
      return said(`${name} is written.`);
    },
  );
  server.registerTool(
    'follow_notes',
    { description: 'Tells how many notes there are, again and again.', inputSchema: z.object({}) },
    async (_arguments, { mcpReq: { signal, notify, _meta } }) => {
      const progressToken = _meta?.progressToken;
      // Ends with the credential at the latest, and that ends with its task.
      for (; !signal.aborted; await new Promise((later) => setTimeout(later, 100))) {
        if (progressToken === undefined) continue;
        await notify({ method: 'notifications/progress', params: { progressToken, progress: notes.size } });
      }
      return said('Nobody listens any more.');
    },
  );
  return server;
}

const verifier = new Verifier({
  broker: MAYFLY_URL,
  token: { file: MAYFLY_TOKEN_FILE },
  tools: { notes: { audience: NOTES_URL, plane: 'data' } },
});
const protectedNotes = protectMcp(createMcpHandler(makeServer), {
  verifier,
  tool: 'notes',
  tools: {
    search_notes: 'read',
    follow_notes: 'read',
    add_note: { action: 'write', resource: ({ name }) => `notes/${String(name)}` },
  },
});

await verifier.ready();
/** @type {import('node:http').RequestListener} The package's own type is stricter than Node's: it fits all the same. */
const serve = /** @type {any} */ (toNodeHandler(protectedNotes));
createServer(serve).listen(Number(new URL(NOTES_URL).port), '127.0.0.1', () =>
  console.log(`notes at ${NOTES_URL}`),
);
