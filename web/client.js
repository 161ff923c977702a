// What is known of a client: who they are, their history, notes and tags, and what an operator says of a talk with them.
import { ask, exactly, html, phone, plural, span, useEffect, useRef, useState, when, words } from "/web/common.js";

const t = words({
  ru: {
    missed: "Пропущенный звонок", queue: "Просил перезвонить из очереди", "by-hand": "Звонок по просьбе", listed: "По списку",
    web: "Заказан звонок с сайта", call: "Звонок клиента", waits: "Ждёт на линии", hidden: "Номер скрыт", nameless: "Без имени",
    line: "Линия", campaign: "Кампания", source: "Источник", page: "Страница", address: "Адрес", attempt: "Попытка", misses: "Пропущен",
    since: "Ждёт с", tags: "Метки", tag: "Новая метка", "tag-off": "Снять метку {tag}", never: "Не звоним: {by}", "never-self": "Не звоним",
    "do-call": "Снять запрет", notes: "Заметки", note: "Заметка о клиенте", keep: "Сохранить", forget: "Удалить заметку",
    history: "История", none: "Раньше не общались.", "no-notes": "Заметок нет.", open: "Перезвоним в {at}", by: "{who}, {at}",
    served: "{who}, {talk}", "not-served": "не ответили, ждал {waited}", alive: "на линии", with: "с кем-то", calls: "Звонил", called: "Звонили",
    talked: "разговор {talk}", busy: "занято", "no-answer": "не ответил", invalid: "нет такого номера", declined: "отклонил", machine: "автоответчик",
    network: "нет связи", "operator-unavailable": "не было оператора", "operator-declined": "оператор не взял", postponed: "просил позже",
    cancelled: "отменено", unknown: "неизвестно", "under-way": "сейчас", loading: "Загружаем историю…", fault: "Не получилось: {why}", kept: "Сохранено",
    "how-went": "Как прошёл разговор", agreed: "Договорились", wrong: "Не туда попали", answerer: "Автоответчик", again: "Перезвонить…",
    "do-not": "Не звонить…", "again-when": "Когда перезвонить?", "again-ok": "Перезвонить", quit: "Отмена", "in-15": "Через 15 минут", "in-60": "Через час",
    "in-180": "Через 3 часа", tomorrow: "Завтра в 10:00", "block-ask": "Больше никогда не звонить на {number}?",
    "block-why": "Обратный звонок снимется, пропущенные с этого номера не считаются. Запрет можно снять здесь же.", "block-ok": "Не звонить",
    "again-done": "перезвоним {at}", "talks-with": "Говорит {who}",
  },
  en: {
    missed: "Missed call", queue: "Asked to be called back from the queue", "by-hand": "Asked for by a person", listed: "From a list",
    web: "Asked for on the site", call: "Client's call", waits: "Waits on the line", hidden: "Hidden number", nameless: "No name",
    line: "Line", campaign: "Campaign", source: "Source", page: "Page", address: "Address", attempt: "Attempt", misses: "Missed",
    since: "Waiting since", tags: "Tags", tag: "New tag", "tag-off": "Take the tag {tag} off", never: "Never called: {by}", "never-self": "Never called",
    "do-call": "Allow calls again", notes: "Notes", note: "A note on this client", keep: "Save", forget: "Delete the note",
    history: "History", none: "No calls before.", "no-notes": "No notes.", open: "To be called at {at}", by: "{who}, {at}",
    served: "{who}, {talk}", "not-served": "not answered, waited {waited}", alive: "on the line", with: "somebody", calls: "Called us", called: "We called",
    talked: "talked {talk}", busy: "busy", "no-answer": "no answer", invalid: "no such number", declined: "declined", machine: "answering machine",
    network: "no connection", "operator-unavailable": "no operator", "operator-declined": "operator did not take it", postponed: "asked for later",
    cancelled: "cancelled", unknown: "unknown", "under-way": "now", loading: "Loading history…", fault: "That did not work: {why}", kept: "Saved",
    "how-went": "How did the talk go", agreed: "Agreed", wrong: "Wrong number", answerer: "Answering machine", again: "Call again…",
    "do-not": "Do not call…", "again-when": "Call again when?", "again-ok": "Call again", quit: "Cancel", "in-15": "In 15 minutes", "in-60": "In an hour",
    "in-180": "In 3 hours", tomorrow: "Tomorrow at 10:00", "block-ask": "Never call {number} again?",
    "block-why": "An open callback is taken off, and missed calls of this number no longer count. It can be undone right here.", "block-ok": "Do not call",
    "again-done": "to be called {at}", "talks-with": "{who} talks",
  },
});

const times = (n) => `${n} ${plural(n, { one: "раз", few: "раза", many: "раз", other: n === 1 ? "time" : "times" })}`;

/** The client at a phone, whichever way they came: {number, name, line, whence, …}. */
export const clientOf = ({ callback, call }) => callback ?? call;

/** What kind of call it is, in words. */
export function kindOf({ callback, call }) {
  if (callback) return callback.origin === "listed" ? `${t("listed")} «${callback.origin_of}»` : t(callback.origin);
  return call?.queue && !call.served ? t("waits") : t("call");
}

/** An address of the web, or nothing: whatever a caller wrote, a click does not run it. */
function safe(address) {
  try {
    const url = new URL(address);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const Fact = ({ name, children }) => html`<div><dt>${t(name)}</dt><dd>${children}</dd></div>`;

/** Name, number and where they came from: drawn from the event alone. `known` comes later and adds to it. */
export function Who({ at, known, links, operator }) {
  const client = clientOf(at);
  const whence = client.whence ?? {};
  const asked = known?.requests?.[0]?.body ?? {};
  const page = whence.page || asked.page;
  const href = safe(page);
  const fill = (url) => url.replace(/\{(\w+)\}/g, (_, field) => encodeURIComponent({
    number: (client.number ?? "").replace("+", ""), name: client.name, page: page ?? "", operator,
    callback: at.callback?.id ?? "", call: at.call?.id ?? "",
  }[field] ?? ""));
  return html`
    <p class="kind"><span class="badge">${kindOf(at)}</span>
      ${known?.blocked && html`<span class="badge bad">${known.blocked.by ? t("never", { by: known.blocked.by }) : t("never-self")}</span>`}</p>
    <div class="name">${client.name || t("nameless")}</div>
    <div class="number num">${client.number ? phone(client.number) : t("hidden")}</div>
    <dl class="facts">
      ${client.line && html`<${Fact} name="line">${client.line}<//>`}
      ${whence.campaign && html`<${Fact} name="campaign">${whence.campaign}<//>`}
      ${whence.source && html`<${Fact} name="source">${[whence.source, whence.channel].filter(Boolean).join(" · ")}<//>`}
      ${page && html`<${Fact} name="page">${href ? html`<a href=${href} target="_blank" rel="noreferrer noopener">${page}</a>` : page}<//>`}
      ${asked.address && html`<${Fact} name="address">${asked.address}<//>`}
      ${at.callback && html`<${Fact} name="attempt">${at.callback.spent + 1}<//>`}
      ${at.callback?.misses > 1 && html`<${Fact} name="misses">${times(at.callback.misses)}<//>`}
      ${(at.callback || at.call) && html`<${Fact} name="since">${when(at.callback?.last_miss ?? at.call.arrived)}<//>`}
    </dl>
    ${links.length > 0 && html`<p class="row">${links.map((link) => html`
      <a class="button" href=${fill(link.url)} target="_blank" rel="noreferrer noopener">${link.name} ↗</a>`)}</p>`}`;
}

/** Asks what is known of a client, and again when somebody says that it changed. */
export function useKnown(number) {
  const [known, setKnown] = useState();
  const wanted = useRef();
  wanted.current = number;
  const load = () => number && ask(`clients/${encodeURIComponent(number)}`)
    .then((answer) => wanted.current === answer.number && setKnown(answer), (why) => wanted.current === number && setKnown({ fault: why.message }));
  useEffect(() => {
    setKnown(undefined);
    load();
  }, [number]);
  return [known?.number === number || known?.fault ? known : undefined, load];
}

const OWN = () => [
  { name: t("agreed"), means: "note" }, { name: t("wrong"), means: "note" }, { name: t("answerer"), means: "machine" },
  { name: t("again"), means: "call-again" }, { name: t("do-not"), means: "do-not-call" },
];

/** The words for how a talk went: the admin's, else our own. */
export const dispositions = (pages) => (pages.dispositions.length ? pages.dispositions : OWN());

const local = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
const later = (minutes) => new Date(Date.now() + minutes * 60000);
function tomorrow() {
  const date = new Date();
  date.setDate(date.getDate() + 1);
  date.setHours(10, 0, 0, 0);
  return date;
}

/** When shall they be called? */
function CallAgain({ onPick, onQuit }) {
  const dialog = useRef();
  const [due, setDue] = useState(local(later(60)));
  useEffect(() => dialog.current.showModal(), []);
  const quick = [["in-15", () => later(15)], ["in-60", () => later(60)], ["in-180", () => later(180)], ["tomorrow", tomorrow]];
  const pick = (event) => {
    event.preventDefault();
    onPick(new Date(due));
  };
  return html`<dialog ref=${dialog} class="card" onClose=${onQuit}><form onSubmit=${pick}>
    <h2>${t("again-when")}</h2>
    <p class="row">${quick.map(([key, date]) => html`<button type="button" onClick=${() => onPick(date())}>${t(key)}</button>`)}</p>
    <label><input type="datetime-local" name="due" value=${due} min=${local(new Date())} required onInput=${(event) => setDue(event.target.value)} /></label>
    <p class="row"><button class="primary">${t("again-ok")}</button>
      <button type="button" onClick=${() => dialog.current.close()}>${t("quit")}</button></p>
  </form></dialog>`;
}

/** Are you sure? */
function Block({ number, onYes, onQuit }) {
  const dialog = useRef();
  useEffect(() => dialog.current.showModal(), []);
  return html`<dialog ref=${dialog} class="card" onClose=${onQuit}>
    <h2>${t("block-ask", { number: phone(number) })}</h2><p>${t("block-why")}</p>
    <p class="row"><button class="danger" name="block" onClick=${onYes}>${t("block-ok")}</button>
      <button autofocus onClick=${() => dialog.current.close()}>${t("quit")}</button></p>
  </dialog>`;
}

/** How did it go; a note; tags. What is written in the note goes with the word. `pick` is the word that a key has chosen. */
export function Say({ at, known, load, pages, may, pick, onPicked }) {
  const client = clientOf(at);
  const [text, setText] = useState("");
  const [asks, setAsks] = useState(null);
  const [said, setSaid] = useState(null);
  useEffect(() => {
    setText("");
    setAsks(null);
    setSaid(null);
  }, [client.number, at.job]);
  const send = async (body, done) => {
    setAsks(null);
    try {
      await ask(`clients/${encodeURIComponent(client.number)}/notes`, {
        method: "POST", body: { text, callback: at.callback?.id, call: at.call?.id, line: client.line || undefined, ...body },
      });
      if (body.tags === undefined) setText("");
      setSaid({ good: true, word: body.disposition, text: done ?? t("kept") });
    } catch (why) {
      setSaid({ text: t("fault", { why: why.message }) });
    }
    load();
  };
  const choose = (word) => {
    const plain = { disposition: word.name.replace(/…$/, ""), means: word.means };
    if (word.means === "call-again" || word.means === "do-not-call") setAsks({ ...plain, ask: word.means });
    else send(plain);
  };
  useEffect(() => {
    if (pick) choose(pick);
    if (pick) onPicked();
  }, [pick]);
  const again = ({ ask: _, ...body }, date) => send({ ...body, due: date.toISOString() }, t("again-done", { at: when(date.toISOString()) }));
  const allow = () => ask(`blocked/${encodeURIComponent(client.number)}`, { method: "DELETE" }).then(load);
  const able = (word) => may && (word.means !== "machine" || (at.callback && at.talked));
  if (!client.number) return null;
  return html`<section class="say">
    <h3>${t("how-went")}</h3>
    <p class="row words">${dispositions(pages).map((word, n) => html`<button disabled=${!able(word)} aria-pressed=${said?.word === word.name.replace(/…$/, "")}
      class=${word.means === "do-not-call" ? "danger" : ""} data-means=${word.means} onClick=${() => choose(word)}><kbd>${n + 1}</kbd> ${word.name}</button>`)}</p>
    <label><span class="hidden">${t("note")}</span>
      <textarea name="note" rows="3" placeholder=${t("note")} value=${text} disabled=${!may} onInput=${(event) => setText(event.target.value)}
        onKeyDown=${(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && text.trim() && send({})}></textarea></label>
    <p class="row"><button class="primary" name="keep" disabled=${!may || !text.trim()} onClick=${() => send({})}>${t("keep")}</button>
      <span role="status" class=${said?.good ? "good" : "bad"}>${said?.text ?? ""}</span>
      ${known?.blocked && html`<button class="push" disabled=${!may} onClick=${allow}>${t("do-call")}</button>`}</p>
    ${asks?.ask === "call-again" && html`<${CallAgain} onPick=${(date) => again(asks, date)} onQuit=${() => setAsks(null)} />`}
    ${asks?.ask === "do-not-call" && html`<${Block} number=${client.number} onQuit=${() => setAsks(null)}
      onYes=${() => send({ disposition: asks.disposition, means: asks.means })} />`}
    <${Tags} tags=${known?.tags ?? []} may=${may && known?.tags} onTags=${(tags) => send({ tags, text: undefined })} />
  </section>`;
}

function Tags({ tags, may, onTags }) {
  const add = (event) => {
    event.preventDefault();
    const tag = event.target.elements.tag.value.trim();
    if (tag) onTags([...tags, tag]);
    event.target.reset();
  };
  return html`<form class="row tags" onSubmit=${add} aria-label=${t("tags")}>
    ${tags.map((tag) => html`<span class="badge">${tag} <button type="button" disabled=${!may} aria-label=${t("tag-off", { tag })}
      onClick=${() => onTags(tags.filter((other) => other !== tag))}>×</button></span>`)}
    <input name="tag" placeholder=${t("tag")} aria-label=${t("tag")} maxlength="40" size="12" disabled=${!may} />
  </form>`;
}

const result = (attempt) => {
  const talk = attempt.joined && span(new Date(attempt.ended ?? Date.now()) - new Date(attempt.joined));
  return attempt.outcome ? t(attempt.outcome, { talk }) : t("under-way");
};

/** Calls and attempts as one line of time, the newest first. */
function events({ calls, callbacks }) {
  const calling = calls.map((call) => ({
    at: call.arrived, who: t("calls"), bad: !call.served && call.ended,
    text: call.served ? t("served", { who: call.operator ?? t("with"), talk: span(call.talk_ms) })
      : call.ended ? t("not-served", { waited: span(call.waited_ms) }) : t("alive"),
  }));
  const tried = callbacks.flatMap(({ attempts }) => attempts.filter((attempt) => attempt.legs.some((leg) => leg.role === "client") || attempt.joined));
  const called = tried.map((attempt) => ({
    at: attempt.started, who: t("called"), bad: attempt.outcome && attempt.outcome !== "talked",
    text: [attempt.operator, result(attempt)].filter(Boolean).join(", "),
  }));
  return [...calling, ...called].sort((a, b) => b.at.localeCompare(a.at));
}

/** What there was before, and what colleagues wrote. */
export function Past({ known, load, me }) {
  if (!known) return html`<p class="empty" aria-busy="true">${t("loading")}</p>`;
  if (known.fault) return html`<p class="bad">${t("fault", { why: known.fault })}</p>`;
  const open = known.callbacks.map((story) => story.callback).find((callback) => ["waiting", "tracking"].includes(callback.state));
  const notes = known.notes.filter((note) => note.text || note.disposition);
  const past = events(known);
  const forget = (id) => ask(`notes/${id}`, { method: "DELETE" }).then(load, load);
  const mine = (note) => me.scope === "admin" || (me.scope === "operate" && note.by === (me.operator ?? me.name));
  return html`<div class="past">
    <section><h3>${t("notes")}</h3>
      ${notes.length === 0 && html`<p class="quiet">${t("no-notes")}</p>`}
      <ul class="notes">${notes.map((note) => html`<li key=${note.id}>
        ${note.disposition && html`<span class="badge">${note.disposition}</span>`} ${note.text && html`<span class="text">${note.text}</span>`}
        <small title=${exactly(note.at)}>${t("by", { who: note.by, at: when(note.at) })}
          ${mine(note) && html` <button class="small" aria-label=${t("forget")} title=${t("forget")} onClick=${() => forget(note.id)}>×</button>`}</small>
      </li>`)}</ul>
    </section>
    <section><h3>${t("history")}</h3>
      ${open && html`<p><span class="badge warn">${t("open", { at: when(open.due) })}</span></p>`}
      ${past.length === 0 && html`<p class="quiet">${t("none")}</p>`}
      <ul class="events">${past.map((event) => html`<li><time class="num" datetime=${event.at} title=${exactly(event.at)}>${when(event.at)}</time>
        <span>${event.who}: <span class=${event.bad ? "warn" : ""}>${event.text}</span></span></li>`)}</ul>
    </section>
  </div>`;
}
