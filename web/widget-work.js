// The work that a site's challenge asks of a browser before a call: SHA-256 (FIPS 180-4) of "CHALLENGE:ID:NONCE" until it begins with
// so many zero bits. Loaded by the widget where a site has a challenge.

const K = new Int32Array(64), START = new Int32Array(8), w = new Int32Array(64);
for (let n = 2, k = 0; k < 64; n++) {
  let prime = true;
  for (let f = 2; f * f <= n; f++) if (n % f === 0) prime = false;
  if (!prime) continue;
  const part = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  if (k < 8) START[k] = part(n ** .5);
  K[k++] = part(Math.cbrt(n));
}
const turn = (x, n) => (x >>> n) | (x << (32 - n));

/** The state after one more block, which stands in the first sixteen words of w. */
function block(state) {
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const x = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const y = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + x) | 0; d = c; c = b; b = a; a = (x + y) | 0;
  }
  return [a, b, c, d, e, f, g, h].map((x, i) => (x + state[i]) | 0);
}

/** Puts up to 64 characters of a text into w; behind its end the padding, where the end is there. */
function put(text, from, last) {
  w.fill(0, 0, 16);
  const n = Math.min(text.length - from, 64);
  for (let i = 0; i < n; i++) w[i >> 2] |= text.charCodeAt(from + i) << (24 - (i % 4) * 8);
  if (n < 64 && n >= 0) w[n >> 2] |= 128 << (24 - (n % 4) * 8);
  if (last) w[15] = text.length * 8;
}

/** The first 32 bits of a text's hash; `known` is the state after its first block. */
function hash(text, known) {
  let state = known;
  const blocks = (text.length + 9 + 63) >> 6;
  for (let n = 1; n < blocks; n++) {
    put(text, n * 64, n === blocks - 1);
    state = block(state);
  }
  return state[0];
}

/** Finds the nonce; the page has its turn every few milliseconds. */
export async function work([challenge, bits], id) {
  const head = `${challenge}:${id}:`; // longer than a block: its first one is the same for every nonce
  put(head, 0, false);
  const known = block(START);
  for (let n = 0; ; ) {
    for (const end = performance.now() + 12; performance.now() < end; ) {
      for (const stop = n + 64; n < stop; n++) {
        if (Math.clz32(hash(head + n, known)) >= bits) return { challenge, nonce: String(n) };
      }
    }
    await new Promise((go) => setTimeout(go));
  }
}
