// An agent that works with the notes: its workload token becomes a credential for one task, and the MCP client shows it.
import { Client, InsufficientScopeError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { MayflyClient } from 'mayfly/client';

const { MAYFLY_URL = '', MAYFLY_TOKEN_FILE = '', MAYFLY_TASK = '', NOTES_URL = '' } = process.env;

const mayfly = new MayflyClient({ url: MAYFLY_URL, token: { file: MAYFLY_TOKEN_FILE } });
const credential = await mayfly.exchange({ task_id: MAYFLY_TASK, audience: 'notes', scope: 'read' });

const client = new Client({ name: 'reader', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
const authProvider = { token: () => Promise.resolve(credential.access_token) };
await client.connect(new StreamableHTTPClientTransport(new URL(NOTES_URL), { authProvider }));
try {
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
  await mayfly.releaseLease(credential.lease_id);
}
