// A real OpenID provider on loopback for the tests: oidc-provider of npm, with its own pages for development.
//
// The argument is the folder into which npm installed it. Each line of the input, JSON, sets it up anew; the codes and
// sessions that it has given out stay. It says its address after each, and ends when its input does.

import http from 'node:http';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

console.info = console.warn; // on standard output it says its address alone
const library = pathToFileURL(`${process.argv[2]}/node_modules/oidc-provider/lib/`);
const { Provider } = await import(new URL('index.js', library));
const { createMemoryAdapter } = await import(new URL('adapters/memory_adapter.js', library));
const kept = { adapter: createMemoryAdapter(), cookies: { keys: ['of the tests'] } };

let answer;
const server = http.createServer((request, response) => answer(request, response));
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { people, ...settings } = JSON.parse(line);
  const findAccount = (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...people[accountId] }) });
  answer = new Provider(issuer, { ...kept, findAccount, ...settings }).callback();
  console.log(issuer);
}
process.exit();
