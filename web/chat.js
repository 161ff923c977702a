// Chats with visitors of web sites, as the operators' page shows them: who writes, what was said, an answer.
import { ask, exactly, hear, html, phone, useEffect, useMemo, useRef, useState, when, words } from "/web/common.js";

const t = words({
  ru: {
    chats: "Чаты", none: "Никто не пишет.", mine: "мой", nobody: "ничей", visitor: "Посетитель", of: "у {name}",
    write: "Ответ посетителю…", send: "Отправить", picture: "Картинка", close: "Завершить", block: "Заблокировать", pass: "Передать…",
    "really-block": "Больше не принимать от этого посетителя ни сообщений, ни звонков?", over: "Чат завершён.", blocked: "Посетитель заблокирован.",
    types: "печатает…", offer: "Посетителю предложен обратный звонок: ответа долго не было.", callback: "обратный звонок {id}",
    failed: "Не отправлено: {why}", seen: "прочитано", back: "Все чаты", "a-picture": "Картинка от {name}", waits: "ждёт ответа с {time}",
  },
  en: {
    chats: "Chats", none: "Nobody writes.", mine: "mine", nobody: "nobody's", visitor: "Visitor", of: "with {name}",
    write: "An answer to the visitor…", send: "Send", picture: "Picture", close: "End", block: "Block", pass: "Pass on…",
    "really-block": "Take no more messages and calls of this visitor?", over: "This chat is over.", blocked: "The visitor is blocked.",
    types: "types…", offer: "The visitor was offered a callback: there was no answer for long.", callback: "callback {id}",
    failed: "Not sent: {why}", seen: "seen", back: "All chats", "a-picture": "A picture of {name}", waits: "waits for an answer since {time}",
  },
});

/** How long somebody counts as typing after a key, in milliseconds. */
const TYPING = 4000;

/** A text whose links can be followed; whatever else it holds is shown as it is. */
export function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"']+)/).map((part, at) =>
    at % 2 ? html`<a href=${part} target="_blank" rel="noopener noreferrer nofollow ugc">${part}</a>` : part);
}

const title = (chat) => chat.name || phone(chat.number) || t("visitor");

/** All chats that go on, by id, as they change; and who types in which. */
function useChats() {
  const [chats, setChats] = useState(new Map());
  const [typing, setTyping] = useState(new Map());
  const listeners = useRef(new Set());
  useEffect(() => {
    const put = (chat) => setChats((known) => {
      const next = new Map(known);
      if (chat.state === "open") next.set(chat.id, chat); else next.delete(chat.id);
      return next;
    });
    const read = () => ask("chats").then(({ chats }) => setChats(new Map(chats.map((chat) => [chat.id, chat]))), () => {});
    read();
    return hear({
      "chat.changed": ({ data }) => { put(data.chat); listeners.current.forEach((listen) => listen(data)); },
      "chat.message": ({ data }) => { put(data.chat); listeners.current.forEach((listen) => listen(data)); },
      "chat.typing": ({ data }) => {
        if (data.by !== "visitor") return;
        const until = Date.now() + TYPING;
        setTyping((known) => new Map(known).set(data.chat, until));
        setTimeout(() => setTyping((known) => new Map([...known].filter(([, until]) => until > Date.now()))), TYPING + 50);
      },
      reset: read,
    });
  }, []);
  return { chats, typing, listeners };
}

/** The panel: the list of chats, and the one that is read. `number`: the client on the line, whose chat comes first. */
export function Chats({ me, number }) {
  const { chats, typing, listeners } = useChats();
  const [open, setOpen] = useState(null);
  const rank = (chat) => (chat.number && chat.number === number ? 0 : chat.operator === me.operator && me.operator ? 1 : chat.operator ? 3 : 2);
  const list = [...chats.values()].sort((a, b) => rank(a) - rank(b) || a.opened.localeCompare(b.opened));
  if (open) return html`<${Talk} key=${open} id=${open} me=${me} types=${typing.has(open)} listeners=${listeners} onBack=${() => setOpen(null)} />`;
  return html`<section class="card chats" aria-label=${t("chats")}>
    <h2>${t("chats")}</h2>
    ${list.length === 0 && html`<p class="empty">${t("none")}</p>`}
    <ul>${list.map((chat) => html`<li key=${chat.id}><button class="chat-line" onClick=${() => setOpen(chat.id)}>
      <span><b>${title(chat)}</b>${" "}<small>${chat.site}</small>${chat.unread > 0 && html`${" "}<span class="badge unread">${chat.unread}</span>`}</span>
      <small>${typing.has(chat.id) ? t("types") : chat.waits ? t("waits", { time: when(chat.waits) })
        : chat.operator === null ? t("nobody") : chat.operator === me.operator ? t("mine") : t("of", { name: chat.operator })}</small>
    </button></li>`)}</ul>
  </section>`;
}

function Talk({ id, me, types, listeners, onBack }) {
  const [talk, setTalk] = useState(null);
  const [fault, setFault] = useState("");
  const end = useRef(null);
  useEffect(() => {
    // What comes between the question and its answer is in both: messages are told apart by their numbers.
    const add = ({ chat, message }) => chat.id === id && setTalk((known) => {
      const messages = new Map((known?.messages ?? []).map((said) => [said.n, said]));
      if (message) messages.set(message.n, message);
      return { chat, messages: [...messages.values()].sort((a, b) => a.n - b.n) };
    });
    listeners.current.add(add);
    ask(`chats/${id}`).then(({ chat, messages }) => messages.length ? messages.forEach((message) => add({ chat, message })) : add({ chat }), (why) => setFault(why.message));
    return () => listeners.current.delete(add);
  }, [id]);
  const last = talk?.chat.last ?? 0;
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
    if (talk?.chat.unread && talk.chat.state === "open" && me.scope !== "read") change({ seen: last }).catch(() => {});
  }, [last]);
  const tried = (promise) => promise.then(() => setFault(""), (why) => setFault(t("failed", { why: why.message })));
  const change = (body) => ask(`chats/${id}`, { method: "PATCH", body });
  if (!talk) return html`<section class="card chats"><button onClick=${onBack}>← ${t("back")}</button><p class="bad">${fault}</p></section>`;
  const { chat, messages } = talk;
  return html`<section class="card chats" aria-label=${t("chats")}>
    <div class="row"><button onClick=${onBack}>← ${t("back")}</button><b>${title(chat)}</b>
      ${chat.number && html`<span class="num">${phone(chat.number)}</span>`}
      ${chat.callback && html`<span class="badge">${t("callback", { id: chat.callback })}</span>`}</div>
    <p class="whence"><small>${chat.page && html`<a href=${/^https?:/.test(chat.page) ? chat.page : null} target="_blank" rel="noopener noreferrer">${chat.page}</a>`} · ${chat.address}</small></p>
    <ol class="said" tabindex="0" aria-live="polite">
      ${messages.map((said) => html`<${Said} key=${said.n} chat=${chat} said=${said} />`)}
      ${types && html`<li class="visitor types">${t("types")}</li>`}
      <li ref=${end} class="end"></li>
    </ol>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    ${chat.state !== "open" ? html`<p class="quiet">${t(chat.state === "blocked" ? "blocked" : "over")}</p>`
      : me.scope !== "read" && html`<${Answer} id=${id} me=${me} tried=${tried} change=${change} />`}
  </section>`;
}

function Said({ chat, said }) {
  if (said.by === "house") return html`<li class="house"><small>${t("offer")}</small></li>`;
  const who = said.by === "visitor" ? title(chat) : said.operator;
  const seen = said.by === "operator" && said.n <= chat.seen_by_visitor;
  return html`<li class=${said.by}>
    <small>${who} · <time title=${exactly(said.at)}>${when(said.at)}</time>${seen && ` · ${t("seen")}`}</small>
    ${said.picture
      ? html`<a href=${`/api/v1/chats/${chat.id}/pictures/${said.n}`} target="_blank" rel="noopener"><img src=${`/api/v1/chats/${chat.id}/pictures/${said.n}`} alt=${t("a-picture", { name: who })} loading="lazy" /></a>`
      : html`<p>${linked(said.text)}</p>`}
  </li>`;
}

function Answer({ id, me, tried, change }) {
  const [text, setText] = useState("");
  const [others, setOthers] = useState(null);
  const told = useRef(0);
  const sent = useMemo(() => crypto.randomUUID(), [text === ""]);
  const send = (event) => {
    event.preventDefault();
    if (!text.trim()) return;
    tried(ask(`chats/${id}/messages`, { method: "POST", body: { text, id: sent } }).then(() => setText("")));
  };
  const type = (event) => {
    setText(event.target.value);
    if (Date.now() - told.current > TYPING / 2) {
      told.current = Date.now();
      ask(`chats/${id}/typing`, { method: "POST" }).catch(() => {});
    }
  };
  const show = async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    const answer = await fetch(`/api/v1/chats/${id}/pictures`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
    if (!answer.ok) tried(answer.json().then((problem) => { throw new Error(problem.detail); }));
  };
  const names = () => ask("operators").then(({ operators }) => setOthers(operators.filter(({ name }) => name !== me.operator).map(({ name }) => name)), () => {});
  return html`<form class="answer" onSubmit=${send}>
    <textarea rows="2" aria-label=${t("write")} placeholder=${t("write")} maxlength="4000" value=${text} onInput=${type}
      onKeyDown=${(event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && send(event)}></textarea>
    <div class="row"><button class="primary">${t("send")}</button>
      <label class="button picture">${t("picture")}<input class="hidden" type="file" accept="image/png,image/jpeg,image/gif,image/webp" onChange=${show} /></label>
      ${others === null ? html`<button type="button" onClick=${names}>${t("pass")}</button>`
        : html`<select aria-label=${t("pass")} onChange=${(event) => event.target.value && tried(change({ operator: event.target.value }))}>
            <option value="">${t("pass")}</option>${others.map((name) => html`<option>${name}</option>`)}</select>`}
      <button type="button" onClick=${() => tried(change({ closed: true }))}>${t("close")}</button>
      <button type="button" class="danger" onClick=${() => confirm(t("really-block")) && tried(change({ blocked: true }))}>${t("block")}</button></div>
  </form>`;
}
