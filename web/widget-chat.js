// The widget's chat: a visitor writes to the operators of the line. Loaded when it is wanted; stands in the widget's own panel.

const WORDS = {
  ru: {
    title: "Напишите нам", place: "Ваше сообщение…", send: "Отправить", picture: "Приложить картинку", name: "Как к вам обращаться (не обязательно)",
    hello: "Спросите что угодно: ответит живой человек.", types: "{n} печатает…", you: "Вы", we: "Оператор", seen: "прочитано",
    offer: "Простите за ожидание: сейчас все заняты. Можем перезвонить вам, как только кто-то освободится.", call: "Перезвоните мне",
    over: "Разговор завершён.", again: "Начать новый", end: "Завершить разговор", back: "Заказать звонок", unsent: "Не отправлено, пробуем ещё раз…",
    "a-picture": "Картинка", "no-picture": "Это не картинка, или она больше 1 МБ.", fast: "Слишком быстро: подождите немного.", failed: "Не получилось. Попробуйте ещё раз.",
  },
  en: {
    title: "Write to us", place: "Your message…", send: "Send", picture: "Add a picture", name: "Your name (if you like)",
    hello: "Ask anything: a person will answer.", types: "{n} is typing…", you: "You", we: "Operator", seen: "seen",
    offer: "Sorry for the wait: everybody is busy. We can call you as soon as somebody is free.", call: "Call me back",
    over: "This talk is over.", again: "Begin a new one", end: "End this talk", back: "Ask for a call", unsent: "Not sent yet, trying again…",
    "a-picture": "Picture", "no-picture": "This is no picture, or it is larger than 1 MB.", fast: "Too fast: wait a little.", failed: "That did not work. Try again.",
  },
};
/** How long somebody counts as typing, and how often it is told, in milliseconds. */
const TYPING = 4000, TELL = 2000;
/** After how long an unsent message is tried again, in milliseconds. */
const AGAIN = 3000;

/**
 * A chat in this panel. `at`: {panel, base, lang, el, head, memory, key, random, from(): {page, referrer}, request(): id or undefined,
 * call(): asks for a callback, count(n): says how many messages are unread}.
 */
export function chat(at) {
  const { panel, base, el, memory, random } = at;
  const t = WORDS[at.lang];
  let known = memory(`${at.key}.chat`), stream, state = { last: 0, seen: 0, state: "open" }, typing, told = 0, open = false, unread = 0, linked = false;
  const said = new Map(), unsent = [];
  const list = el("ol", { className: "cl", tabIndex: 0, ariaLive: "polite" });
  const hint = el("p", { className: "u" }), fault = el("p", { className: "e", role: "alert" });

  const url = (path, more = "") => `${base}/chats/${known.chat}${path}?k=${known.key}${more}`;
  const ask = async (address, method, body, type = "application/json") => {
    const asked = { method, credentials: "omit", referrerPolicy: "no-referrer" };
    if (body !== undefined) Object.assign(asked, { body, headers: { "Content-Type": type } });
    const answer = await fetch(address, asked);
    if (!answer.ok) throw Object.assign(new Error(answer.status), { status: answer.status });
    return answer.status === 204 ? undefined : answer.json();
  };

  // ---- What is said ----

  function linkedText(text) {
    return text.split(/(https?:\/\/[^\s<>"']+)/).map((part, n) =>
      n % 2 ? el("a", { href: part, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, part) : part);
  }
  function line(m) {
    if (m.by === "house") {
      const call = el("button", { className: "g", type: "button", onclick: at.call }, t.call);
      return el("li", { className: "ch" }, el("p", {}, t.offer), ...(state.callback ? [] : [call]));
    }
    const mine = m.by === "visitor";
    const body = m.picture
      ? el("img", { crossOrigin: m.local ? null : "anonymous", src: m.local ?? url(`/pictures/${m.n}`), alt: t["a-picture"], onload: down })
      : el("p", {}, ...linkedText(m.text));
    const seen = mine && m.n && m.n <= state.seen ? ` · ${t.seen}` : "";
    const who = mine ? t.you : m.operator || t.we;
    const time = new Date(m.at).toLocaleTimeString(at.lang, { hour: "2-digit", minute: "2-digit" });
    return el("li", { className: mine ? "cv" : "co" }, body, el("small", {}, m.n ? `${who} · ${time}${seen}` : t.unsent));
  }
  const down = () => (list.scrollTop = list.scrollHeight);
  function draw() {
    const messages = [...[...said.values()].sort((a, b) => a.n - b.n), ...unsent];
    list.replaceChildren(...(messages.length ? messages.map(line) : [el("li", { className: "ch" }, el("p", {}, t.hello))]));
    down();
    if (state.state !== "open") over();
  }
  function hear(m) {
    if (said.has(m.n)) return;
    said.set(m.n, m);
    const place = unsent.findIndex((other) => other.id && other.id === m.id);
    if (place >= 0) unsent.splice(place, 1);
    if (m.by !== "visitor") {
      hint.textContent = "";
      if (!open && m.n > (state.read ?? 0)) at.count(++unread);
    }
    if (open) {
      draw();
      read();
    }
  }
  const read = () => state.seenHere !== lastN() && known && ask(url("/seen"), "POST", JSON.stringify({ n: (state.seenHere = lastN()) })).catch(() => {});
  const lastN = () => Math.max(0, ...said.keys());

  function listen() {
    stream?.close();
    stream = new EventSource(url("/events", `&after=${lastN()}`));
    stream.addEventListener("message", (event) => event.data && hear(JSON.parse(event.data)));
    stream.addEventListener("chat", (event) => {
      Object.assign(state, JSON.parse(event.data));
      if (open) draw();
    });
    stream.addEventListener("typing", (event) => {
      hint.textContent = t.types.replace("{n}", JSON.parse(event.data).operator);
      clearTimeout(typing);
      typing = setTimeout(() => (hint.textContent = ""), TYPING);
    });
    stream.onerror = async () => {
      if (stream.readyState !== EventSource.CLOSED) return;
      // Refused, not lost: the chat is gone, or too many listen.
      try {
        await ask(url("", `&after=${lastN()}`), "GET");
        setTimeout(listen, AGAIN);
      } catch (why) {
        if (why.status === 404) forget();
        else setTimeout(listen, AGAIN);
      }
    };
  }
  function forget() {
    stream?.close();
    memory(`${at.key}.chat`, null);
    known = null;
    said.clear();
    state = { last: 0, seen: 0, state: "open" };
    if (open) show();
  }

  // ---- What the visitor does ----

  let beginning;
  const begin = (name) => (known ? Promise.resolve() : (beginning ??= (async () => {
    const body = { name, request: at.request(), ...at.from() };
    linked = Boolean(body.request);
    known = await ask(`${base}/chats`, "POST", JSON.stringify(body));
    memory(`${at.key}.chat`, known);
    listen();
  })().finally(() => (beginning = undefined))));

  async function put(message, name) {
    try {
      await begin(name);
      const m = message.local
        ? await ask(url("/pictures"), "POST", message.file, "application/octet-stream")
        : await ask(url("/messages"), "POST", JSON.stringify({ text: message.text, id: message.id }));
      fault.textContent = "";
      unsent.splice(unsent.indexOf(message), 1);
      hear({ ...m, local: message.local });
      draw();
    } catch (why) {
      if (why.status >= 400 && why.status < 500 && why.status !== 408) {
        unsent.splice(unsent.indexOf(message), 1);
        fault.textContent = why.status === 429 ? t.fast : message.local ? t["no-picture"] : t.failed;
        draw();
      } else setTimeout(() => unsent.includes(message) && put(message, name), AGAIN);
    }
  }

  function over() {
    panel.querySelector("form")?.replaceWith(el("div", {}, el("p", { className: "i" }, t.over), el("button", { className: "g", type: "button", onclick: forget }, t.again)));
  }

  /** Draws it into the panel; gives what is to have the focus. */
  function show() {
    open = true;
    at.count((unread = 0));
    const name = el("input", { type: "text", autocomplete: "name", maxLength: 100, placeholder: t.name, ariaLabel: t.name, hidden: Boolean(known) });
    const text = el("textarea", { rows: 2, maxLength: 4000, placeholder: t.place, ariaLabel: t.place });
    const file = el("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp", className: "v", id: "pic" });
    const form = el("form", { className: "cf" }, name, text, el("div", { className: "cr" },
      el("button", { className: "g" }, t.send), el("label", { htmlFor: "pic", className: "l" }, t.picture), file));
    const say = (message) => {
      unsent.push({ by: "visitor", at: Date.now(), ...message });
      draw();
      put(unsent.at(-1), name.value);
      name.hidden = true;
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      const written = text.value.trim();
      if (!written) return;
      text.value = "";
      say({ text: written, id: random() });
    };
    text.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    };
    text.oninput = () => {
      if (!known || Date.now() - told < TELL) return;
      told = Date.now();
      ask(url("/typing"), "POST").catch(() => {});
    };
    file.onchange = () => {
      const [picture] = file.files;
      file.value = "";
      if (picture) say({ picture: true, file: picture, local: URL.createObjectURL(picture) });
    };
    const foot = el("div", { className: "cr" }, el("button", { className: "l", type: "button", onclick: at.call }, t.back));
    panel.replaceChildren(at.head(t.title), list, hint, fault, form, foot);
    draw();
    if (known) read();
    return text;
  }

  if (known) listen();
  return {
    show,
    /** It is not looked at any more. */
    hide: () => (open = false),
    /** A callback was asked for: it belongs to the chat, too. */
    asked: (id) => known && !linked && ((linked = true), ask(url("/request"), "PUT", JSON.stringify({ id })).catch(() => {})),
  };
}
