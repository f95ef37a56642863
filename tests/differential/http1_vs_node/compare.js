// What our front accepts, Node reads the same way: the same method, target and body, and the next
// request begins at the same byte. A request that Node refuses is no finding; two readings are.
// Usage: node compare.js <http1_front> [seed] [count]
'use strict';
const http = require('http');
const { Duplex } = require('stream');
const { spawnSync } = require('child_process');

const [front, seedText = '1', countText = '4000'] = process.argv.slice(2);
const next = 'GET /next HTTP/1.1\r\nHost: next\r\n\r\n';

// mulberry32: a small generator, so that a failing seed can be replayed.
let state = Number(seedText) >>> 0;
function random(below) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}
const pick = (list) => list[random(list.length)];

const seeds = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /a?b=c HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nAccept: */*\r\n\r\nA\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n',
  'GET http://a/b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
  'DELETE /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX-A: 1\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n',
];
const pieces = [
  '\r\n', '\n', '\r', ' ', '\t', '\0', ':', ';', ',', '0', '1', '+', '-', '0x', '_', '\x0b', '\x80', '#', '%', '\\',
  'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n', 'X: y\r\n', ' folded\r\n', 'Host: b\r\n', '5\r\nhello\r\n', '0\r\n\r\n',
  '0\r\nX: y\r\n\r\n', ';ext=1', 'chunked', 'GET / HTTP/1.1\r\n', 'Connection: close\r\n',
];

function mutate(text) {
  const times = random(3);
  for (let i = 0; i < times; ++i) {
    const at = random(text.length + 1);
    const end = Math.min(text.length, at + random(4));
    switch (random(4)) {
      case 0: text = text.slice(0, at) + pick(pieces) + text.slice(at); break;
      case 1: text = text.slice(0, at) + text.slice(end); break;
      case 2: text = text.slice(0, at) + pick(pieces) + text.slice(end); break;
      default: text = text.slice(0, end) + text.slice(at, end) + text.slice(end);
    }
  }
  return text;
}

// Every request that Node sees in `bytes`, and whether it refused some of them.
function readByNode(bytes) {
  return new Promise((resolve) => {
    const seen = [];
    const server = http.createServer({ requireHostHeader: false });
    const stream = new Duplex({ read() {}, write(chunk, encoding, done) { done(); } });
    const onRequest = (request, response) => {
      const one = { method: request.method, target: request.url, body: '', close: false, complete: false };
      seen.push(one);
      request.on('data', (data) => { one.body += data.toString('latin1'); });
      request.on('end', () => {
        one.complete = true;
        one.close = !response.shouldKeepAlive;
        response.end();
      });
    };
    let refused = false;
    server.on('request', onRequest);
    server.on('checkContinue', onRequest);
    server.on('clientError', () => { refused = true; });
    stream.on('error', () => {});
    server.emit('connection', stream);
    stream.push(Buffer.from(bytes, 'latin1'));
    setImmediate(() => setImmediate(() => {
      stream.destroy();
      resolve({ seen, refused });
    }));
  });
}

async function main() {
  const inputs = seeds.slice();
  while (inputs.length < Number(countText)) inputs.push(mutate(pick(seeds)));
  const lines = inputs.map((text) => Buffer.from(text + next, 'latin1').toString('base64'));
  const run = spawnSync(front, { input: lines.join('\n') + '\n', maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`${front} ended with ${run.status}`);
  const verdicts = run.stdout.toString('latin1').split('\n');
  const counts = { accepted: 0, refused: 0, both: 0, findings: 0 };
  for (let i = 0; i < inputs.length; ++i) {
    const words = verdicts[i].split(' ');
    if (words[0] !== 'read') { counts.refused++; continue; }
    counts.accepted++;
    const whole = inputs[i] + next;
    const used = Number(words[4]);
    // Only the first request is claimed; what follows it here is one that both read alike.
    const { seen, refused } = await readByNode(whole.slice(0, used) + next);
    if (seen.length === 0 || !seen[0].complete) continue;
    counts.both++;
    const ours = { method: words[1], target: words[2], body: Buffer.from(words[3], 'base64').toString('latin1') };
    const [first, second] = seen;
    const same = first.method === ours.method && first.target === ours.target &&
      first.body === ours.body &&
      (first.close || (!refused && seen.length === 2 && second.target === '/next' && second.body === ''));
    if (same) continue;
    counts.findings++;
    console.log('two readings:', JSON.stringify(whole), 'ours', ours, 'node', seen);
  }
  console.log(`seed ${seedText}:`, JSON.stringify(counts), 'node', process.version);
  const tooFew = counts.both < inputs.length / 10;
  if (tooFew) console.log('too few requests were read by both to mean anything');
  process.exit(counts.findings > 0 || tooFew ? 1 : 0);
}
main();
