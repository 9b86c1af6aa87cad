// An agent that works with the notes: a credential for one task, and the official MCP client, which shows it with each request.
import { Client, InsufficientScopeError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Agent } from 'mayfly/agent';

const { MAYFLY_URL = '', MAYFLY_TOKEN_FILE = '', MAYFLY_TASK = '', NOTES_URL = '' } = process.env;

const agent = new Agent({ broker: MAYFLY_URL, token: { file: MAYFLY_TOKEN_FILE }, task: MAYFLY_TASK });
const notes = agent.tool('notes', { actions: ['read'] });
const client = new Client({ name: 'reader', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });

try {
  await client.connect(new StreamableHTTPClientTransport(new URL(NOTES_URL), { fetch: notes.fetch }));
  const { tools } = await client.listTools();
  console.log('I may call', tools.map(({ name }) => name).join(', '));

  const found = await client.callTool({ name: 'search_notes', arguments: { word: 'mayfly' } });
  console.log('found:', found.content[0]?.type === 'text' ? found.content[0].text : 'nothing');

  await client.callTool({ name: 'add_note', arguments: { name: 'mine', note: 'I was here.' } });
} catch (error) {
  if (!(error instanceof InsufficientScopeError)) throw error;
  console.log('I may not', error.requiredScope);
} finally {
  await client.close();
  // Whatever it took is given back.
  await agent.close();
}
