// What happens now: the day so far, who waits, the operators, callbacks under way, alarms.
import { ask, exactly, html, phone, plural, span, useEffect, useMemo, useState, when, words } from "/web/common.js";
import { COLOUR, mean } from "/web/console/meanings.js";
import { Deed, Moment, link, useDeed, useFresh, useLoaded, useTick } from "/web/console/shared.js";

const t = words({
  ru: {
    today: "Сегодня", calls: "звонки", missed: "пропущено", recovered: "дозвонились", share: "доля возвращённых", "to-talk": "до разговора, медиана",
    waiting: "ждут на линии", longest: "дольше всех", queue: "Очередь · {group}", "queue-of": "{n} принимают звонки",
    "nobody-waits": "Никто не ждёт.", "nobody-takes": "Звонки никто не принимает: поставьте оператора на «Готов» справа.",
    place: "№", client: "Клиент", line: "Линия", waits: "Ждёт", expected: "Ещё около", rung: "звоним: {names}", hidden: "номер скрыт",
    operators: "Операторы", "no-operators": "Операторов ещё нет: добавьте их в настройках.", operator: "Оператор", state: "Состояние", whom: "с кем", since: "Сколько",
    ready: "Готов", away: "Перерыв", unanswered: "не отвечал", "set-ready": "{name}: принимает звонки", "set-away": "{name}: на перерыв",
    under: "Перезвоны", "no-callbacks": "Перезванивать некому: пропущенных без ответа нет.", stage: "Что происходит", time: "Когда", more: "Ещё {n} открыто",
    until: "до {time}", at: "в {time}", pause: "Приостановить перезвоны", resume: "Возобновить перезвоны",
    alarms: "Тревоги", "no-alarms": "С запуска программы тревог не было.", switches: "Коммутаторы", up: "на связи", down: "нет связи", settling: "сверяемся",
    others: "Другие живые звонки: {n}", "day-fault": "Итоги дня не загрузились: {why}",
  },
  en: {
    today: "Today", calls: "calls", missed: "missed", recovered: "reached again", share: "recovered share", "to-talk": "to the talk, median",
    waiting: "wait on the line", longest: "longest wait", queue: "Queue · {group}", "queue-of": "{n} take calls",
    "nobody-waits": "Nobody waits.", "nobody-takes": "Nobody takes calls: set an operator ready at the right.",
    place: "No.", client: "Client", line: "Line", waits: "Waits", expected: "About", rung: "ringing {names}", hidden: "hidden number",
    operators: "Operators", "no-operators": "There are no operators yet: add them in the settings.", operator: "Operator", state: "State", whom: "with whom", since: "For",
    ready: "Ready", away: "Away", unanswered: "did not answer", "set-ready": "{name} takes calls", "set-away": "{name} takes a break",
    under: "Callbacks", "no-callbacks": "Nobody is to be called back: no miss is left without an answer.", stage: "What happens", time: "When", more: "{n} more are open",
    until: "until {time}", at: "at {time}", pause: "Pause callbacks", resume: "Resume callbacks",
    alarms: "Alarms", "no-alarms": "There was no alarm since the program's start.", switches: "Switches", up: "connected", down: "no connection", settling: "comparing notes",
    others: "Other live calls: {n}", "day-fault": "The day's totals did not load: {why}",
  },
});

const operators = (n) => plural(n, { one: `${n} оператор`, few: `${n} оператора`, many: `${n} операторов`, other: `${n} operators` });
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A client: the number as people write it, and the name. */
export const Client = ({ number, name }) => html`<span class="client"><b>${number ? phone(number) : t("hidden")}</b>${name && html` <span class="quiet">${name}</span>`}</span>`;

function midnight() {
  const day = new Date();
  day.setHours(0, 0, 0, 0);
  return day.toISOString();
}

function Tile({ name, value, tone, title }) {
  return html`<div class="tile" title=${title}><b class=${tone}>${value}</b><span>${name}</span></div>`;
}

function Day({ board, elapsed }) {
  const [since, setSince] = useState(midnight);
  const { data, fault, again } = useLoaded(`report?since=${encodeURIComponent(since)}&zone=${encodeURIComponent(here)}`);
  useFresh(() => (midnight() === since ? again() : setSince(midnight())), { pause: 1500, most: 60_000 });
  const total = data?.total;
  const waits = board.queues.flatMap((queue) => queue.waiting).map((waiter) => waiter.waited_ms);
  const share = total?.recovered_per_mille;
  return html`<section class="tiles" aria-label=${t("today")}>
    <${Tile} name=${t("calls")} value=${total?.calls ?? "–"} />
    <${Tile} name=${t("missed")} value=${total?.missed ?? "–"} tone=${total?.missed ? "bad" : ""} />
    <${Tile} name=${t("recovered")} value=${total?.recovered ?? "–"} tone=${total?.recovered ? "good" : ""} />
    <${Tile} name=${t("share")} value=${share == null ? "–" : `${Math.round(share / 10)} %`} />
    <${Tile} name=${t("to-talk")} value=${total?.to_talk_median == null ? "–" : span(total.to_talk_median)} />
    <${Tile} name=${t("waiting")} value=${waits.length} tone=${waits.length ? "warn" : ""} />
    <${Tile} name=${t("longest")} value=${waits.length ? span(Math.max(...waits) + elapsed) : "–"} />
    ${fault && html`<p class="bad" role="alert">${t("day-fault", { why: fault })}</p>`}
  </section>`;
}

function Queue({ queue, elapsed }) {
  const row = (waiter) => html`<tr key=${waiter.call}>
    <td class="num">${waiter.place}</td>
    <td><${Client} number=${waiter.number} name=${waiter.name} /></td>
    <td class="wide">${waiter.line}</td>
    <td class="wide">${waiter.rung.length ? t("rung", { names: waiter.rung.join(", ") }) : mean("hears", waiter.hears)}</td>
    <td class="num">${span(waiter.waited_ms + elapsed)}</td>
    <td class="num quiet">${waiter.expected_ms == null ? "" : span(waiter.expected_ms)}</td>
  </tr>`;
  return html`<section class="card queue">
    <h2>${t("queue", { group: queue.group })} <small>${t("queue-of", { n: operators(queue.operators) })}</small></h2>
    ${queue.waiting.length === 0
      ? html`<p class="empty">${queue.operators ? t("nobody-waits") : t("nobody-takes")}</p>`
      : html`<table class="steady"><thead><tr><th class="num slimmest">${t("place")}</th><th class="who">${t("client")}</th><th class="wide">${t("line")}</th><th class="wide">${t("stage")}</th>
          <th class="num slim">${t("waits")}</th><th class="num slim">${t("expected")}</th></tr></thead><tbody>${queue.waiting.map(row)}</tbody></table>`}
  </section>`;
}

/** With whom an operator is: {number, name, since, callback?}. */
function whom(person, board) {
  const under = board.callbacks.find((one) => one.callback.id === person.callback);
  if (under) return { number: under.callback.number, name: under.callback.name, since: under.since, callback: under.callback.id };
  const call = board.calls.find((one) => one.id === person.call) ?? board.calls.find((one) => one.operator === person.name && one.served);
  return call && { number: call.number, name: call.name, since: call.served ?? call.arrived };
}

function Person({ me, person, board, now, again }) {
  const deed = useDeed();
  const set = (ready) => deed.run(async () => {
    await ask(`operators/${encodeURIComponent(person.name)}`, { method: "PUT", body: { ready } });
    await again();
  });
  const other = whom(person, board);
  const since = other?.since ?? person.since;
  const client = other && (other.callback
    ? html`<a href=${link("callbacks", other.callback)}><${Client} ...${other} /></a>`
    : html`<${Client} ...${other} />`);
  return html`<tr>
    <td><b>${person.name}</b></td>
    <td><span class=${`state ${COLOUR[person.state]}`}>${mean("operator", person.state)}</span>
      ${person.why && html` <small title=${person.why}>${person.why === "unanswered" ? t("unanswered") : person.why}</small>`}<span class="under">${client}</span></td>
    <td class="num" title=${exactly(since)}>${span(now - Date.parse(since))}</td>
    ${me.scope !== "read" && html`<td class="deeds">
      <button disabled=${deed.busy} aria-pressed=${String(person.ready)} aria-label=${t(person.ready ? "set-away" : "set-ready", { name: person.name })}
        onClick=${() => set(!person.ready)}>${person.ready ? t("ready") : t("away")}</button><${Deed} of=${deed} /></td>`}
  </tr>`;
}

function People({ me, board, now, again }) {
  return html`<section class="card people"><h2>${t("operators")}</h2>
    ${board.operators.length === 0
      ? html`<p class="empty">${t("no-operators")}</p>`
      : html`<table class="steady"><thead><tr><th class="op">${t("operator")}</th><th>${t("state")}, ${t("whom")}</th><th class="num slim">${t("since")}</th>
          ${me.scope !== "read" && html`<th class="button-wide"><span class="hidden">${t("ready")}</span></th>`}</tr></thead>
          <tbody>${board.operators.map((person) => html`<${Person} key=${person.name} me=${me} person=${person} board=${board} now=${now} again=${again} />`)}</tbody></table>`}
  </section>`;
}

function UnderWay({ one, now }) {
  const { callback, stage } = one;
  const waits = ["tracking", "later"].includes(stage);
  const time = waits ? t(stage === "tracking" ? "until" : "at", { time: when(one.since) }) : span(now - Date.parse(one.since));
  const names = one.operators.length > 0 && ` · ${one.operators.join(", ")}`;
  return html`<tr>
    <td><a href=${link("callbacks", callback.id)}><${Client} number=${callback.number} name=${callback.name} /></a></td>
    <td class="wide">${callback.line}</td>
    <td title=${mean("stage", stage)}><span class=${`state ${waits ? "" : stage === "due" ? "warn" : "accent"}`}>${mean("stage", stage)}</span>${names}</td>
    <td class="num" title=${exactly(one.since)}>${time}</td>
  </tr>`;
}

function Callbacks({ me, board, now, again }) {
  const deed = useDeed();
  const pause = () => deed.run(async () => { await ask("pause", { method: board.paused ? "DELETE" : "PUT" }); await again(); });
  const shown = board.callbacks.slice(0, 30);
  const more = board.open_callbacks - shown.length;
  return html`<section class="card broad"><div class="row spread"><h2>${t("under")}</h2>
      ${me.scope === "admin" && html`<span class="row"><${Deed} of=${deed} />
        <button class="pause" disabled=${deed.busy} onClick=${pause}>${t(board.paused ? "resume" : "pause")}</button></span>`}</div>
    ${shown.length === 0
      ? html`<p class="empty">${t("no-callbacks")}</p>`
      : html`<table class="steady"><thead><tr><th class="who">${t("client")}</th><th class="wide">${t("line")}</th><th class="what">${t("stage")}</th><th class="num">${t("time")}</th></tr></thead>
          <tbody>${shown.map((one) => html`<${UnderWay} key=${one.callback.id} one=${one} now=${now} />`)}</tbody></table>`}
    ${more > 0 && html`<p><a href=${link("callbacks", "", { state: "open" })}>${t("more", { n: more })}</a></p>`}
  </section>`;
}

function Alarms({ board }) {
  return html`<section class="card"><h2>${t("alarms")}</h2>
    ${board.alarms.length === 0
      ? html`<p class="empty">${t("no-alarms")}</p>`
      : html`<ul class="plain alarms">${board.alarms.slice(0, 20).map((one) => html`<li key=${one.at + one.text}>
          <${Moment} at=${one.at} /> <span class="badge bad">${mean("alarm", one.kind)}</span> <span>${one.text}</span></li>`)}</ul>`}
    <h3>${t("switches")}</h3>
    <ul class="plain">${board.switches.map((one) => html`<li key=${one.name}>
      <span class=${`state ${one.up ? (one.settled ? "good" : "warn") : "bad"}`}>${one.name}: ${t(one.up ? (one.settled ? "up" : "settling") : "down")}</span></li>`)}</ul>
  </section>`;
}

/** The first part of the console. */
export function Now({ me, board, again }) {
  const tick = useTick();
  // The server's clock and the browser's may differ, so what passes is measured from when the board came.
  const came = useMemo(() => Date.now(), [board]);
  useEffect(() => { document.querySelector("main")?.scrollTo(0, 0); }, []);
  if (!board) return null;
  const elapsed = Math.max(0, tick - came);
  const now = Date.parse(board.at) + elapsed;
  return html`<${Day} board=${board} elapsed=${elapsed} />
    <div class="halves">
      <div class="stack">${board.queues.map((queue) => html`<${Queue} key=${queue.group} queue=${queue} elapsed=${elapsed} />`)}
        <${Callbacks} me=${me} board=${board} now=${now} again=${again} /></div>
      <div class="stack"><${People} me=${me} board=${board} now=${now} again=${again} /><${Alarms} board=${board} /></div>
    </div>`;
}
