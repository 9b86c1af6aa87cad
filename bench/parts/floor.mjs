// The least that a node:http server can do with a form and a JSON answer: what the load generator reaches against it is its ceiling.
import { createServer } from 'node:http';

const [port = '0'] = process.argv.slice(2);
const text = JSON.stringify({ access_token: 'x'.repeat(700), token_type: 'Bearer' });

createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  });
}).listen(Number(port), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
