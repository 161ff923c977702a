// Callbacks, open and closed, and of each the story: why it is there, what was tried, what stands against the next try.
import { ask, exactly, html, language, phone, plural, span, useEffect, useRef, useState, when, words } from "/web/common.js";
import { List } from "/web/console/list.js";
import { COLOUR, choices, mean, rule } from "/web/console/meanings.js";
import { Client } from "/web/console/now.js";
import { Deed, Fault, Filters, Moment, fromLocal, link, local, useDeed, useFresh, useLoaded } from "/web/console/shared.js";

const t = words({
  ru: {
    state: "Состояние", line: "Линия", number: "Номер", reason: "Чем закончился", open: "открытые", new: "Новый перезвон",
    opened: "Открыт", client: "Клиент", why: "Почему", tries: "Попытки", next: "Когда", label: "Перезвоны",
    empty: "Таких перезвонов нет. Сбросьте фильтры или создайте перезвон вручную.", close: "Закрыть",
    "new-title": "Кому перезвонить", when: "Когда", now: "сейчас", later: "в другое время", create: "Перезвонить", cancel: "Не надо",
    "call-now": "Позвонить сейчас", "put-off": "Перенести", drop: "Отменить перезвон", "drop-sure": "Отменить перезвон клиенту {number}?",
    "missed-by": "Пропущенный звонок: {rule}", "asked-by": "Попросил {who}", "asked-queue": "Клиент попросил перезвонить, ожидая в очереди",
    "asked-list": "Из списка «{who}»", missed: "Пропущенный звонок", "asked-web": "Запрос с сайта", again: "Клиент звонил ещё: всего {n}",
    attempt: "Попытка {n}", "operator-leg": "оператору {who}", "client-leg": "клиенту через {who}", ringing: "звоним…", rang: "звонили {span}, без ответа",
    answered: "ответ через {span}", "held-for": "на линии {span}", joined: "Соединили с {who}", talked: "разговор {span}", going: "идёт", "handed-to": "переведён на {who}",
    recording: "Запись на коммутаторе", closed: "Закрыт: {reason}", "closed-by": "Закрыл {who}", "by-call": "звонок {who}", against: "Что мешает позвонить сейчас",
    nothing: "Ничего не мешает: звоним по очереди.", "next-at": "Следующая попытка не раньше {time}, когда освободится оператор", "next-never": "До конца срока подходящего времени нет",
    before: "впереди в очереди: {n}", "given-up": "Перестанем пытаться {time}", gone: "Не загрузилось", "due-is": "Когда позвонить",
  },
  en: {
    state: "State", line: "Line", number: "Number", reason: "How it ended", open: "open", new: "New callback",
    opened: "Opened", client: "Client", why: "Why", tries: "Tries", next: "When", label: "Callbacks",
    empty: "There are no such callbacks. Clear the filters, or make a callback by hand.", close: "Close",
    "new-title": "Whom to call back", when: "When", now: "now", later: "at another time", create: "Call back", cancel: "Never mind",
    "call-now": "Call now", "put-off": "Put off", drop: "Cancel the callback", "drop-sure": "Cancel the callback to {number}?",
    "missed-by": "Missed call: {rule}", "asked-by": "{who} asked for it", "asked-queue": "The client asked for it while waiting in the queue",
    "asked-list": "From the list “{who}”", missed: "Missed call", "asked-web": "Asked for on the web site", again: "The client was missed again: {n} in all",
    attempt: "Attempt {n}", "operator-leg": "operator {who}", "client-leg": "client over {who}", ringing: "ringing…", rang: "rang for {span}, no answer",
    answered: "answered after {span}", "held-for": "on the line for {span}", joined: "Joined with {who}", talked: "talked for {span}", going: "under way", "handed-to": "handed on to {who}",
    recording: "Recording on the switch", closed: "Closed: {reason}", "closed-by": "Closed by {who}", "by-call": "call {who}", against: "What stands against dialling now",
    nothing: "Nothing stands against it: it is dialled in its turn.", "next-at": "Next attempt from {time} on, when an operator is free", "next-never": "No fit time is left before it is given up",
    before: "before it in line: {n}", "given-up": "Given up {time}", gone: "It did not load", "due-is": "When to call",
  },
});

const STATES = ["tracking", "waiting", "active", "ending", "closed"];
const REASONS = ["talked", "client-called", "operator-called", "invalid", "declined", "attempts-spent", "expired", "cancelled", "do-not-call", "observed"];

/** The lines' names, for choices. */
export function useLines() {
  const { data } = useLoaded("groups");
  return data ? [...new Set(data.groups.flatMap((group) => group.lines))].sort() : [];
}

function origin(callback) {
  const said = { missed: "missed", queue: "asked-queue", "by-hand": "asked-by", listed: "asked-list", web: "asked-web" }[callback.origin];
  return said ? t(said, { who: callback.origin_of }) : callback.origin;
}

// ---- The story ----

const between = (from, to) => span(Date.parse(to) - Date.parse(from));

function Leg({ leg }) {
  const who = t(leg.role === "operator" ? "operator-leg" : "client-leg", { who: leg.who });
  const how = leg.answered
    ? `${t("answered", { span: between(leg.dialled, leg.answered) })}${leg.ended ? `, ${t("held-for", { span: between(leg.answered, leg.ended) })}` : ""}`
    : leg.ended ? t("rang", { span: between(leg.dialled, leg.ended) }) : t("ringing");
  return html`<li><${Moment} at=${leg.dialled} /> ${who}: ${how}${leg.cause && leg.ended && !leg.answered && html` <small>${leg.cause}</small>`}</li>`;
}

function Attempt({ one }) {
  const outcome = one.outcome ? mean("outcome", one.outcome) : t("going");
  return html`<li><${Moment} at=${one.started} /><div><b>${t("attempt", { n: one.n })}</b>: <span class=${one.outcome === "talked" ? "good" : ""}>${outcome}</span>
    <ul class="plain legs">${one.legs.map((leg) => html`<${Leg} key=${leg.id} leg=${leg} />`)}
      ${one.joined && html`<li><${Moment} at=${one.joined} /> ${t("joined", { who: one.operator ?? "?" })}${one.ended && `, ${t("talked", { span: between(one.joined, one.ended) })}`}
        ${one.handed_to && `, ${t("handed-to", { who: one.handed_to })}`}</li>`}
      ${one.recording && html`<li>${t("recording")}: <code>${one.recording}</code></li>`}</ul></div></li>`;
}

function Against({ now, callback }) {
  const next = now.next && new Date(now.next).toISOString();
  return html`<section class="against"><h3>${t("against")}</h3>
    ${now.vetoes.length === 0
      ? html`<p>${t("nothing")} <small>${t("before", { n: now.before })}</small></p>`
      : html`<ul>${now.vetoes.map((veto) => html`<li key=${veto}>${mean("veto", veto)}</li>`)}</ul>
          <p title=${exactly(next)}>${next ? t("next-at", { time: when(next) }) : t("next-never")} <small>${t("before", { n: now.before })}</small></p>`}
    <p class="quiet" title=${exactly(callback.expires)}>${t("given-up", { time: when(callback.expires) })}</p></section>`;
}

function Deeds({ callback, again }) {
  const deed = useDeed();
  const [due, setDue] = useState(local(new Date(Date.now() + 3_600_000)));
  const done = (path, asked) => deed.run(async () => { await ask(path, asked); await again(); });
  const own = `callbacks/${callback.id}`;
  return html`<div class="deeds row">
    <button class="primary" disabled=${deed.busy} onClick=${() => done("callbacks", { method: "POST", body: { number: callback.number, line: callback.line } })}>${t("call-now")}</button>
    <form class="row" onSubmit=${(event) => { event.preventDefault(); done(`${own}/due`, { method: "PUT", body: { due: fromLocal(due) } }); }}>
      <input type="datetime-local" aria-label=${t("due-is")} required value=${due} onInput=${(event) => setDue(event.target.value)} />
      <button disabled=${deed.busy}>${t("put-off")}</button></form>
    <button class="danger" disabled=${deed.busy}
      onClick=${() => confirm(t("drop-sure", { number: phone(callback.number) })) && done(`${own}/cancel`, { method: "POST" })}>${t("drop")}</button>
    <${Deed} of=${deed} /></div>`;
}

/** The whole story of a callback. */
export function Why({ me, id, heading = true }) {
  const story = useLoaded(`callbacks/${id}`);
  const why = useLoaded(`callbacks/${id}/explanation`);
  const again = () => Promise.all([story.again(), why.again()]);
  const own = ({ data }) => String(data?.callback?.id ?? data?.callback) === String(id);
  useFresh(again, { pause: 300, most: 5000, only: own });
  if (story.fault && !story.data) return html`<${Fault} why=${story.fault} />`;
  if (!story.data) return null;
  const { callback, attempts } = story.data;
  const told = why.data ?? {};
  const begun = told.rule ? t("missed-by", { rule: rule(told.rule) }) : origin(callback);
  const over = callback.state === "closed";
  return html`<article class="why">
    ${heading && html`<h2><${Client} number=${callback.number} name=${callback.name} /></h2>`}
    <p class="row"><span class=${`badge ${COLOUR[callback.state]}`}>${mean("state", callback.state)}</span><span>${callback.line}</span>
      ${[callback.whence.source, callback.whence.campaign, callback.whence.page].filter(Boolean).map((mark) => html`<span class="badge">${mark}</span>`)}</p>
    ${me.scope !== "read" && !over && html`<${Deeds} callback=${callback} again=${again} />`}
    <ol class="story plain">
      <li><${Moment} at=${callback.opened} /><div>${begun}</div></li>
      ${callback.misses > 1 && html`<li><${Moment} at=${callback.last_miss} /><div>${t("again", { n: callback.misses })}</div></li>`}
      ${attempts.map((one) => html`<${Attempt} key=${one.n} one=${one} />`)}
      ${callback.closed && html`<li><${Moment} at=${callback.closed} /><div><b>${t("closed", { reason: mean("reason", callback.reason) })}</b>
        ${callback.reason_of && html`<br /><small>${t(callback.reason === "client-called" ? "by-call" : "closed-by", { who: callback.reason_of })}</small>`}</div></li>`}
    </ol>
    ${told.now && !over && html`<${Against} now=${told.now} callback=${callback} />`}
    <${Fault} why=${why.fault} />
  </article>`;
}

// ---- A callback by hand ----

function Make({ lines, onClose }) {
  const box = useRef();
  const deed = useDeed();
  const [later, setLater] = useState(false);
  useEffect(() => { box.current.showModal(); }, []);
  const make = async (event) => {
    event.preventDefault();
    const { number, line, due } = Object.fromEntries(new FormData(event.target));
    let made;
    const body = { number, ...(line && { line }), ...(later && due && { due: fromLocal(due) }) };
    if (await deed.run(async () => { made = await ask("callbacks", { method: "POST", body }); })) {
      onClose();
      location.hash = link("callbacks", made.id);
    }
  };
  return html`<dialog ref=${box} onClose=${onClose} aria-label=${t("new-title")}><form onSubmit=${make}>
    <h2>${t("new-title")}</h2>
    <label><span>${t("number")}</span><input name="number" type="tel" inputmode="tel" placeholder="+7 916 123-45-67" required autofocus /></label>
    ${lines.length > 1 && html`<label><span>${t("line")}</span><select name="line">${lines.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`}
    <fieldset class="row"><legend>${t("when")}</legend>
      <label><input type="radio" name="time" checked=${!later} onChange=${() => setLater(false)} /> ${t("now")}</label>
      <label><input type="radio" name="time" checked=${later} onChange=${() => setLater(true)} /> ${t("later")}</label>
      ${later && html`<input type="datetime-local" name="due" aria-label=${t("due-is")} required value=${local(new Date(Date.now() + 3_600_000))} />`}
    </fieldset>
    <p><${Deed} of=${deed} /></p>
    <p class="row"><button class="primary" disabled=${deed.busy}>${t("create")}</button><button type="button" onClick=${() => box.current.close()}>${t("cancel")}</button></p>
  </form></dialog>`;
}

// ---- The list ----

const tries = (n) => (language === "ru" ? plural(n, { one: `${n} попытка`, few: `${n} попытки`, many: `${n} попыток` }) : plural(n, { one: `${n} try`, other: `${n} tries` }));

/** Callbacks as a list with the story of the chosen one beside. */
export function Callbacks({ me, id, params }) {
  const lines = useLines();
  const [making, setMaking] = useState(false);
  const path = (before, limit) => {
    const { state, ...rest } = params;
    const asked = { ...rest, ...(state === "open" ? { open: "true" } : { state }), limit, before };
    return `callbacks?${new URLSearchParams(Object.entries(asked).filter(([, value]) => value != null && value !== ""))}`;
  };
  const cells = (one) => html`
    <td><a href=${link("callbacks", one.id, params)}><${Moment} at=${one.opened} /></a></td>
    <td><${Client} number=${one.number} name=${one.name} /></td>
    <td class="wide">${one.line}</td>
    <td class="wide">${mean("origin", one.origin)}</td>
    <td><span class=${`badge ${COLOUR[one.state]}`}>${one.reason && one.state === "closed" ? mean("reason", one.reason) : mean("state", one.state)}</span></td>
    <td class="wide">${one.attempts > 0 && tries(one.attempts)}</td>
    <td class="wide"><${Moment} at=${one.closed ?? one.due} /></td>`;
  const fields = [
    { name: "state", label: t("state"), options: [["open", t("open")], ...choices("state", STATES)] },
    { name: "reason", label: t("reason"), options: choices("reason", REASONS) },
    { name: "line", label: t("line"), options: lines.map((name) => [name, name]) },
    { name: "number", label: t("number"), type: "tel" },
  ];
  const head = [["", t("opened")], ["", t("client")], ["wide", t("line")], ["wide", t("why")], ["stand", t("state")], ["wide", t("tries")], ["wide", t("next")]];
  return html`<${Filters} view="callbacks" params=${params} fields=${fields}>
      ${me.scope !== "read" && html`<button type="button" class="primary" onClick=${() => setMaking(true)}>${t("new")}</button>`}<//>
    ${making && html`<${Make} lines=${lines} onClose=${() => setMaking(false)} />`}
    <div class=${`beside ${id ? "opened" : ""}`}>
      <${List} path=${path} of="callbacks" head=${head} cells=${cells} chosen=${id} label=${t("label")} empty=${t("empty")}
        onChoose=${(one) => { location.hash = link("callbacks", one.id, params); }} only=${({ name }) => /^(callback|attempt|reset)/.test(name)} />
      ${id && html`<aside class="card detail"><a class="button close" href=${link("callbacks", "", params)} aria-label=${t("close")}>✕</a><${Why} key=${id} me=${me} id=${id} /></aside>`}
    </div>`;
}
