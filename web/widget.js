// Perezvon's call-back widget: <script src="https://pbx.example/widget.js" data-site="KEY" async></script>
// It sets no cookie, loads nothing else, and the page's styles do not reach it. perezvon.open() opens it from a button of the page's own.
(() => {
"use strict";
const tag = document.currentScript ?? document.querySelector("script[data-site][src*='widget.js']");
const key = tag?.dataset.site;
if (!key || window.perezvon) return;
const own = new URL(tag.src).origin, base = `${own}/widget/${key}`;

const CALL = { ru: "Перезвоните мне", en: "Call me back" };
const PHONE = "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2";
const CLOCK = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 8v4l3 2";
const DONE = "M5 12l5 5L20 7", CROSS = "M6 6l12 12M18 6L6 18";
const RING = 276; // the length of the ring

// ---- Small things ----

const el = (name, props = {}, ...kids) => {
  const node = document.createElement(name);
  for (const [k, v] of Object.entries(props)) k in node && k !== "list" ? (node[k] = v) : node.setAttribute(k, v);
  node.append(...kids);
  return node;
};
const svg = (box, ...shapes) => {
  const ns = (name, attrs) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const k in attrs) node.setAttribute(k, attrs[k]);
    return node;
  };
  const node = ns("svg", { viewBox: box, "aria-hidden": "true" });
  node.append(...shapes.map(([name, attrs]) => ns(name, attrs)));
  return node;
};
const icon = (d) => svg("0 0 24 24", ["path", { d }]);
const fill = (text, values) => text.replace(/\{(\w)\w*\}/g, (_, k) => values[k]);
const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
// The tab's own memory, gone with it; pages that forbid it have none.
const memory = (name, value) => {
  try {
    if (value === undefined) return JSON.parse(sessionStorage.getItem(`perezvon.${name}`));
    value ? sessionStorage.setItem(`perezvon.${name}`, JSON.stringify(value)) : sessionStorage.removeItem(`perezvon.${name}`);
  } catch { /* there is none */ }
};
const ask = async (path, method = "GET", body) => {
  const asked = { method, credentials: "omit", referrerPolicy: "no-referrer" };
  if (body) Object.assign(asked, { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  const answer = await fetch(base + path, asked);
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(said.detail ?? answer.status), { code: said.code ?? "", status: answer.status });
  return said;
};

// ---- Where the visitor came from ----

function whence() {
  const query = new URLSearchParams(location.search);
  const utm = {};
  for (const k of ["source", "medium", "campaign", "term", "content"]) if (query.get(`utm_${k}`)) utm[k] = query.get(`utm_${k}`).slice(0, 200);
  const outside = document.referrer && new URL(document.referrer).origin !== location.origin ? document.referrer : "";
  let first = memory("whence");
  if (!first || Object.keys(utm).length || outside) memory("whence", (first = { utm, referrer: outside.slice(0, 900) }));
  const cookie = (name) => new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie)?.[1];
  const client = tag.dataset.client ?? cookie("_ym_uid") ?? cookie("_ga")?.split(".").slice(2).join(".") ?? "";
  return { ...first, page: location.href.slice(0, 900), title: document.title.slice(0, 200), client: client.slice(0, 200) };
}

// ---- Numbers ----

/** The digits of what is typed, with the country's code. */
function digits(text, code) {
  let d = text.replace(/\D/g, "").slice(0, 15);
  if (!d || text.trim().startsWith("+")) return d;
  if (code === "7" && /^[78]/.test(d)) return `7${d.slice(1)}`;
  return d.startsWith(code) && d.length > code.length + 6 ? d : (code + d).slice(0, 15);
}
function shown(d) {
  const mask = { 7: "+# (###) ###-##-##", 1: "+# (###) ###-####" }[d[0]] ?? "+### ### ### ### ###";
  let n = 0, text = "";
  for (const sign of mask) {
    if (n >= d.length) break;
    text += sign === "#" ? d[n++] : sign;
  }
  return text;
}
const whole = (d) => (/^[71]/.test(d) ? d.length === 11 : d.length >= 8);

/** Keeps what is typed in its mask, and the caret where it was. */
function masked(input, code) {
  let before = "";
  input.addEventListener("input", (event) => {
    const left = () => input.value.slice(0, input.selectionStart).replace(/\D/g, "").length;
    let caret = left(), typed = input.value;
    const back = event.inputType === "deleteContentBackward";
    if (back && typed.replace(/\D/g, "") === before && caret) {
      const all = before.slice(0, caret - 1) + before.slice(caret); // a sign of the mask was deleted: the digit before it is meant
      typed = all && `+${all}`;
      caret--;
    }
    let d = digits(typed, code());
    if (back && d === code()) d = "";
    caret += d.length - typed.replace(/\D/g, "").length;
    input.value = shown(d);
    before = d;
    let at = 0;
    for (let n = 0; at < input.value.length && n < caret; at++) if (/\d/.test(input.value[at])) n++;
    if (caret >= d.length) at = input.value.length;
    input.setSelectionRange(at, at);
  });
}

// ---- The widget ----

let talk, writes, settings, t, lang, read, request, skew = -Infinity, all = 0, done, told, stream, timer, answered;
const host = document.createElement("perezvon-widget");
const root = host.attachShadow({ mode: "closed" });
const box = el("div", { className: "w" });
const name = el("span"), button = el("button", { className: "b", type: "button" }, icon(PHONE), name);
const panel = el("div", { className: "p", role: "dialog", id: "p", hidden: true, tabIndex: -1 });
const live = el("div", { role: "status", "aria-live": "polite" });
const now = () => Date.now() + skew;

async function load() {
  settings = await ask("");
  [skew, read] = [Math.max(skew, settings.now - Date.now()), Date.now()];
}
const speak = async () => (t = t ?? (await (await fetch(`${own}/widget.${lang}.json`)).json()));

/** A moment as people say it. */
function moment(ms) {
  if (ms - now() <= 60000) return t.soon;
  return fill(t.at, { d: dayOf(ms), t: clock(ms) });
}
const clock = (ms) => new Date(ms).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" });
function dayOf(ms) {
  const days = Math.round((new Date(ms).setHours(12, 0, 0, 0) - new Date(now()).setHours(12, 0, 0, 0)) / 864e5);
  return [t.today, t.tomorrow][days] ?? new Date(ms).toLocaleDateString(lang, { weekday: "short", day: "numeric", month: "long" });
}

/** The times that may be chosen, by day: each half-hour in which the line calls. */
function times() {
  const half = 18e5, days = new Map();
  for (const [from, to] of settings.hours) {
    const first = from > now() ? from : Math.ceil((now() + 6e5) / half) * half;
    for (let at = first; at < to; at = (Math.floor(at / half) + 1) * half) {
      const day = dayOf(at);
      days.set(day, [...(days.get(day) ?? []), at]);
    }
  }
  return days;
}

function head(title) {
  const close = el("button", { className: "x", type: "button", "aria-label": t.close, onclick: () => show(false) }, icon(CROSS));
  return el("div", { className: "h" }, el("h2", { id: "h" }, title), close);
}

function form() {
  const { opens, rings_within: within, consent, policy } = settings;
  const days = times(), shut = opens === null || opens > now() + 1000;
  const none = !days.size && shut;
  const hint = none ? t.never : shut ? fill(t.shut, { w: moment(opens) }) : within ? fill(t.free, { n: Math.ceil(within / 1000) }) : t.busy;
  const tel = el("input", { type: "tel", id: "n", autocomplete: "tel", inputMode: "tel", required: true, placeholder: settings.code === "7" ? "+7 (___) ___-__-__" : `+${settings.code}` });
  tel.setAttribute("aria-describedby", "e");
  masked(tel, () => settings.code);
  const fault = el("p", { className: "e", id: "e", role: "alert" });
  const radio = (value, text, on) => el("label", {}, el("input", { type: "radio", name: "w", value, checked: on }), el("span", {}, text));
  const day = el("select", {}, ...[...days.keys()].map((d) => el("option", {}, d)));
  const time = el("select");
  const fillTimes = () => time.replaceChildren(...(days.get(day.value) ?? []).map((at) => el("option", { value: String(at) }, clock(at))));
  day.onchange = fillTimes;
  fillTimes();
  const choice = el("div", { className: "t", hidden: !shut }, el("label", {}, t.day, day), el("label", {}, t.time, time));
  const either = el("div", { className: "o", hidden: shut }, radio("now", t.now, !shut), radio("later", t.later, shut));
  const set = el("fieldset", { hidden: none || !days.size }, el("legend", {}, t.when), either, choice);
  set.onchange = () => (choice.hidden = !set.querySelector("[value=later]").checked);
  const tick = el("input", { type: "checkbox", id: "c" });
  const link = policy ? [" ", el("a", { href: policy, target: "_blank", rel: "noopener" }, t.policy)] : [];
  const agree = consent ? [el("div", { className: "c" }, tick, el("span", {}, el("label", { htmlFor: "c" }, consent), ...link))] : [];
  const go = el("button", { className: "g", disabled: none }, t.send);
  const refuse = (code, field) => {
    fault.textContent = t.e[code] ?? t.e[""];
    field?.setAttribute("aria-invalid", "true");
    (field ?? go).focus();
    go.ariaDisabled = "false";
    go.textContent = t.send;
  };
  const send = async (again) => {
    const number = digits(tel.value, settings.code);
    const due = choice.hidden ? undefined : Number(time.value);
    const asked = { id: request.id, number: `+${number}`, due, consent: tick.checked, work: (await request.work) ?? undefined, whence: whence() };
    try {
      hear(await ask("/requests", "POST", asked));
      all = 0;
      request.tail = shown(number);
      memory(key, { id: request.id, tail: number.slice(-4) });
      follow();
    } catch (why) {
      if (why.code === "challenge" && !again) {
        await load();
        begin();
        return send(true);
      }
      refuse(why.code, /number|blocked/.test(why.code) ? tel : undefined);
    }
  };
  const wanted = el("form", { noValidate: true }, el("label", { htmlFor: "n" }, t.phone), tel, set, ...agree, fault, go);
  wanted.onsubmit = (event) => {
    event.preventDefault();
    if (go.ariaDisabled === "true") return;
    fault.textContent = "";
    tel.removeAttribute("aria-invalid");
    if (!whole(digits(tel.value, settings.code))) return refuse("number", tel);
    if (consent && !tick.checked) return refuse("consent", tick);
    go.ariaDisabled = "true"; // disabled, it would lose the focus
    go.textContent = t.sending;
    send();
  };
  const text = settings.text ? [el("p", { className: "i" }, settings.text)] : [];
  panel.replaceChildren(head(settings.title ?? t.title), ...text, el("p", { className: "i" }, hint), wanted, ...writer());
  return tel;
}

function begin() {
  request = { id: random() };
  const { challenge } = settings;
  request.work = challenge && import(`${own}/widget-work.js`).then(({ work }) => work(challenge, request.id)).catch(() => {});
}

// ---- Writing ----

const writer = () => (settings.chat ? [el("button", { className: "l", type: "button", onclick: write }, t.write)] : []);
const chat = async () => (talk ??= (await import(`${own}/widget-chat.js`)).chat({
  panel, base, lang, el, head, memory, key, random,
  from: () => (({ page, referrer = "" }) => ({ page, referrer }))(whence()),
  request: () => (told ? request.id : undefined),
  count: (n) => button.setAttribute("data-n", n || ""),
  call() {
    talk.hide((writes = false));
    told ? (progress(), panel.focus()) : (begin(), form().focus());
  },
}));
async function write() {
  writes = true;
  (await chat()).show().focus();
}

// ---- How it goes ----

/** What is said now of how it goes. The visitor's clock may be wrong: spans are measured from here on. */
function hear(news) {
  told = { ...news, heard: performance.now() };
  skew = Math.max(skew, news.now - Date.now());
}

/** Hears how the request goes; where nothing can be heard, asks now and then. */
function follow() {
  stop();
  writes = false;
  talk?.hide();
  progress();
  talk?.asked(request.id);
  const path = `/requests/${request.id}`;
  const take = (news) => {
    hear(news);
    progress();
  };
  const poll = () => (timer = setTimeout(async () => {
    try {
      take(await ask(path));
    } catch (why) {
      if (why.status === 404) return leave();
    }
    if (told.state !== "over") poll();
  }, 4000));
  if (told.state === "over") return;
  stream = new EventSource(`${base + path}/events`);
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onerror = () => {
    if (stream?.readyState !== 2) return;
    stream = undefined;
    poll();
  };
}
function stop() {
  stream?.close();
  clearTimeout(timer);
  stream = undefined;
}
function leave() {
  stop();
  memory(key, null);
  told = done = undefined;
  label();
}

function progress() {
  const { state, why, again } = told;
  if (state === "over") {
    stop();
    memory(key, null);
  }
  const word = state === "over" ? `over-${why}` : state === "later" ? why : state;
  const [title, text] = t[word].map((text) => fill(text, { w: again ? moment(again) : "" }));
  const step = { waiting: 0, operator: 1, connecting: 1, client: 2, talking: 3 }[state];
  const bar = svg("0 0 100 100", ["circle", { cx: 50, cy: 50, r: 44, class: "k" }], ["circle", { cx: 50, cy: 50, r: 44, "stroke-dasharray": RING, "stroke-dashoffset": RING }]);
  const middle = el("b");
  const ring = el("div", { className: "r" }, bar, middle);
  const under = el("p", { className: "u" });
  const line = el("p", { className: "i" }, text);
  const steps = step < 3 ? [el("ol", { "aria-label": t.steps }, ...[t.s1, t.s2, t.s3].map((s, n) => {
    const item = el("li", { className: n < step ? "d" : "" }, s);
    if (n === step) item.setAttribute("aria-current", "step");
    return item;
  }))] : [];
  const off = el("button", { className: "l", type: "button" }, state === "over" ? t.again : t.cancel);
  off.onclick = async () => {
    if (state === "over") return renew();
    if (off.ariaDisabled === "true") return;
    off.ariaDisabled = "true";
    try {
      hear(await ask(`/requests/${request.id}`, "DELETE"));
      follow();
    } catch {
      off.ariaDisabled = "false";
    }
  };
  const number = request.tail && state === "later" ? [el("p", { className: "u" }, fill(t.number, { n: request.tail }))] : [];
  const acts = state === "talking" ? [] : [off];
  if (writes) return label(title);
  const held = root.activeElement, within = panel.contains(held);
  panel.replaceChildren(head(title), el("div", { className: "m" }, ring, under, line, ...number), ...steps, ...acts, ...writer());
  if (within) (/^[lx]$/.test(held.className) && panel.querySelector(`.${held.className}`) || panel).focus(); // never on what calls it off, unless it was there
  if (answered !== word) live.textContent = `${title}. ${text}`;
  answered = word;
  tickTock(ring, middle, bar.lastChild, under, line);
  label(title);
}

/** The countdown is what the line promises from the moment on at which somebody is being rung; past it we say so. */
function tickTock(ring, middle, arc, under, line) {
  clearInterval(done);
  const { state, why, rings_by: by, now: at } = told;
  const glyph = state === "over" && why === "talked" ? DONE : state === "later" ? CLOCK : PHONE;
  const beat = () => {
    const left = by ? Math.ceil((by - at - (performance.now() - told.heard)) / 1000) : 0;
    all = Math.max(all, left);
    ring.classList.toggle("z", left <= 0 && !["over", "later", "talking"].includes(state));
    under.hidden = left <= 0;
    if (left > 0) {
      middle.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      arc.setAttribute("stroke-dashoffset", String(RING * (1 - left / all)));
      under.textContent = t.until;
    } else {
      if (!middle.querySelector("svg")) middle.replaceChildren(icon(glyph));
      arc.setAttribute("stroke-dashoffset", ["client", "talking"].includes(state) || (state === "over" && why === "talked") ? "0" : String(RING));
      if (by) line.textContent = t.late;
    }
  };
  beat();
  if (by) done = setInterval(beat, 1000);
}

// ---- Opening and closing ----

function label(state) {
  const goes = state && told && told.state !== "over";
  name.textContent = goes ? state : CALL[lang];
  button.classList.toggle("s", Boolean(goes));
  button.setAttribute("aria-label", name.textContent);
}
async function show(on, focus = true) {
  if (on === !panel.hidden) return;
  await speak();
  if (on && (writes || button.dataset.n)) {
    panel.hidden = false;
    await write();
  } else if (on && !told) {
    if (Date.now() - read > 3e4) await load().catch(() => {});
    begin();
    form();
  }
  panel.hidden = !on;
  button.hidden = on;
  button.setAttribute("aria-expanded", String(on));
  if (!on) talk?.hide();
  if (!on && told?.state === "over") leave();
  if (!focus || (on && writes)) return;
  if (on) (panel.querySelector("input") ?? panel).focus();
  else button.focus();
}
async function renew() {
  leave();
  await load().catch(() => {});
  begin();
  form().focus();
}

const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, part, n) => sum + part * (rgb[n] / 255) ** 2.2, 0);
/** Is the page dark, as it is seen? */
function isDark() {
  for (const node of [document.body, document.documentElement]) {
    const rgb = (node && getComputedStyle(node).backgroundColor.match(/[\d.]+/g)) || [0, 0, 0, 0];
    if (rgb[3] !== "0" && rgb[3] !== 0) return light(rgb) < 0.18;
  }
  return false;
}

async function start() {
  const [css] = await Promise.all([fetch(`${own}/widget.css`).then((answer) => answer.text()), load()]);
  const page = document.documentElement.lang.slice(0, 2) || navigator.language.slice(0, 2);
  lang = settings.language ?? (page === "ru" ? "ru" : "en");
  const theme = () => box.classList.toggle("dark", settings.theme === "dark" || (settings.theme === "auto" && isDark()));
  theme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener?.("change", () => setTimeout(theme, 100));
  if (settings.position === "left") box.classList.add("left");
  if (settings.color) {
    const parts = [1, 3, 5].map((i) => parseInt(settings.color.slice(i, i + 2), 16));
    box.style.setProperty("--ac", settings.color);
    box.style.setProperty("--fo", "var(--tx)");
    box.style.setProperty("--on", light(parts) > 0.18 ? "#111" : "#fff");
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  box.lang = lang;
  live.className = "v";
  panel.setAttribute("aria-labelledby", "h");
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", "p");
  button.onclick = () => show(true).catch(complain);
  root.addEventListener("keydown", (event) => event.key === "Escape" && !panel.hidden && (event.stopPropagation(), show(false)));
  box.append(panel, live, button);
  root.append(box);
  document.documentElement.append(host);
  label();
  whence();
  if (settings.chat && memory(`${key}.chat`)) await Promise.all([speak(), chat()]);
  window.perezvon = { open: () => show(true).catch(complain), close: () => show(false) };
  const before = memory(key);
  if (!before) return;
  try {
    request = { id: before.id, tail: `…${before.tail}` };
    await speak();
    hear(await ask(`/requests/${before.id}`));
    told.state === "over" ? leave() : follow();
    if (told && told.state !== "later") show(true, false);
  } catch {
    leave();
  }
}
const complain = (why) => console.warn(`perezvon: ${why.message}`);
start().catch(complain);
})();
