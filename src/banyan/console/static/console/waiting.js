// The waiting room: takes a place in the queue of a flash sale, shows where it is, and orders when it is let in.
// Everything comes from the API with the buyer's own token: from the page's fragment (#token), from an earlier visit, or typed in.
(() => {
  const main = document.querySelector("main"), words = main.dataset, offer = words.offer;
  const part = (name) => main.querySelector(`[data-${name}]`);
  const form = part("sign"), queue = part("queue"), buy = part("buy");
  const key = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 12)}`;
  let token = location.hash.slice(1) || sessionStorage.getItem("banyan_token") || "";
  let ticket = "", sale = null, orderKey = key();
  const device = localStorage.getItem("banyan_device") || key();
  localStorage.setItem("banyan_device", device);
  if (token) sessionStorage.setItem("banyan_token", token);
  if (location.hash) history.replaceState(null, "", location.pathname);
  const say = (text) => { part("said").textContent = text || ""; };
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  async function ask(method, path, body, idempotency) {
    const headers = { Authorization: `Bearer ${token}`, "X-Device-Id": device };
    if (body) { headers["Content-Type"] = "application/json"; headers["Idempotency-Key"] = idempotency || key(); }
    for (;;) {
      let answer;
      try { answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) }); }
      catch (error) { say(words.failed); await pause(2000); continue; }
      const content = await answer.json().catch(() => ({}));
      const code = content.error ? content.error.code : "";
      if (answer.status >= 500 || (answer.status === 429 && code !== "not_your_turn") || code === "idempotency_in_progress") {
        say(words.failed);
        await pause(1000 * Number(answer.headers.get("Retry-After") || 2));
        continue;
      }
      return { status: answer.status, code, content };
    }
  }

  // SHA-256 of a short text; whether it begins with so many zero bits (at most 32).
  const K = [], START = [];
  for (let n = 2; K.length < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    const bits = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
    if (START.length < 8) START.push(bits(Math.sqrt(n)));
    K.push(bits(Math.cbrt(n)));
  }
  function firstWord(text) {
    const bytes = new TextEncoder().encode(text), blocks = ((bytes.length + 8) >> 6) + 1, data = new DataView(new ArrayBuffer(blocks * 64));
    bytes.forEach((byte, at) => data.setUint8(at, byte));
    data.setUint8(bytes.length, 128);
    data.setUint32(blocks * 64 - 4, bytes.length * 8);
    const turn = (x, n) => (x >>> n) | (x << (32 - n)), state = START.slice(), w = new Int32Array(64);
    for (let block = 0; block < blocks; block++) {
      for (let i = 0; i < 16; i++) w[i] = data.getInt32(block * 64 + i * 4);
      for (let i = 16; i < 64; i++) {
        const a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 64; i++) {
        const t1 = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      [a, b, c, d, e, f, g, h].forEach((x, i) => { state[i] = (state[i] + x) | 0; });
    }
    return state[0] >>> 0;
  }
  async function solve(challenge, bits) {
    if (!bits) return "";
    say(words.working);
    for (let n = 0; ; n++) {
      if (n % 5000 === 4999) await pause(0); // the page stays alive
      if (firstWord(`${challenge}:${n}`) < 2 ** (32 - bits)) return String(n);
    }
  }

  function lasting(seconds) {
    return seconds >= 120 ? `${Math.ceil(seconds / 60)} ${words.minute}` : `${seconds} ${words.second}`;
  }
  async function watch() {
    for (;;) {
      const { status, content } = await ask("GET", `/offers/${offer}/queue?ticket=${encodeURIComponent(ticket)}`);
      if (status !== 200) { say(words.failed); return; }
      say("");
      part("position").textContent = content.position;
      if (content.phase === "over") { part("time").textContent = words.over; buy.disabled = true; return; }
      buy.disabled = !content.is_admitted;
      if (content.is_admitted) { part("time").textContent = words.yours; return; }
      part("time").textContent = `${content.phase === "planned" ? words.planned : words.wait} ${lasting(content.seconds)}`;
      await pause(Math.min(10000, Math.max(1000, content.seconds * 200)));
    }
  }
  async function enter() {
    const found = await ask("GET", `/offers/${offer}`);
    if (found.status !== 200) { form.hidden = false; say(found.status === 401 ? words.token : words.failed); return; }
    sale = found.content;
    sessionStorage.setItem("banyan_token", token);
    form.hidden = true;
    part("name").textContent = sale.name;
    const nonce = await solve(sale.challenge, sale.puzzle_bits);
    const place = await ask("POST", "/offers/tickets", { offer_id: offer, nonce });
    if (place.status !== 201) { say(place.code === "offer_not_live" ? words.over : words.failed); return; }
    ticket = place.content.ticket;
    queue.hidden = false;
    await watch();
  }
  buy.addEventListener("click", async () => {
    buy.disabled = true;
    const order = { lines: [{ sku_id: sale.sku_id, quantity: 1 }], offer_id: offer, ticket };
    const { status, code, content } = await ask("POST", "/orders", order, orderKey);
    if (status === 201) say(`${words.placed} ${content.number}`);
    else if (code === "out_of_stock") say(words.sold);
    else if (code === "offer_limit_reached") say(words.limit);
    else if (code === "not_your_turn") { await pause(1000); watch(); }
    else { say(words.failed); orderKey = key(); buy.disabled = false; }
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); token = form.token.value.trim(); enter(); });
  part("language").addEventListener("click", (event) => {
    event.preventDefault();
    document.cookie = `django_language=${event.target.dataset.language};path=/;max-age=31536000;samesite=lax`;
    location.reload();
  });
  if (token) enter(); else form.hidden = false;
})();
