// The journal: every call and request with what became of it.
import { ask, exactly, html, span, useEffect, useState, words } from "/web/common.js";
import { Why, useLines } from "/web/console/callbacks.js";
import { List } from "/web/console/list.js";
import { COLOUR, choices, mean } from "/web/console/meanings.js";
import { Client } from "/web/console/now.js";
import { Fault, Filters, Moment, fromLocal, link, useFresh, useLoaded } from "/web/console/shared.js";

const t = words({
  ru: {
    since: "С", until: "По", line: "Линия", group: "Группа", operator: "Оператор", source: "Источник", campaign: "Кампания", status: "Статус", number: "Номер",
    redial: "Перезвон", "redial.true": "только перезвоны", "redial.false": "без перезвонов", missed: "все пропущенные",
    time: "Время", client: "Клиент", waited: "Ждал", talked: "Говорили", from: "Откуда", label: "Журнал звонков", csv: "Скачать CSV", close: "Закрыть",
    empty: "Звонков с такими условиями нет. Сбросьте фильтры или расширьте период.", request: "запрос",
    id: "Канал", switch: "Коммутатор", arrived: "Пришёл", served: "Ответили", ended: "Закончился", cause: "Причина завершения", queue: "Очередь", left: "Чем кончилась очередь",
    voicemail: "Сообщение клиента, файл", recording: "Запись, файл", "handed-to": "Переведён на", page: "Страница", tags: "Метки", channel: "Канал рекламы",
    "place-since": "Место считается с", "reached-by": "Дозвонился", callback: "Перезвон", gone: "Этой строки в журнале больше нет.", more: "Ещё фильтры",
  },
  en: {
    since: "From", until: "Until", line: "Line", group: "Group", operator: "Operator", source: "Source", campaign: "Campaign", status: "Status", number: "Number",
    redial: "Redial", "redial.true": "redials only", "redial.false": "without redials", missed: "all missed",
    time: "Time", client: "Client", waited: "Waited", talked: "Talked", from: "From where", label: "Journal of calls", csv: "Download CSV", close: "Close",
    empty: "There are no such calls. Clear the filters, or choose a longer period.", request: "request",
    id: "Channel", switch: "Switch", arrived: "Came", served: "Answered", ended: "Ended", cause: "Hang-up cause", queue: "Queue", left: "How it left the queue",
    voicemail: "The client's message, file", recording: "Recording, file", "handed-to": "Handed on to", page: "Page", tags: "Tags", channel: "Advertising channel",
    "place-since": "Its place counts since", "reached-by": "Reached by", callback: "Callback", gone: "This row is not in the journal any more.", more: "More filters",
  },
});

const STATUSES = ["live", "served", "unserved", "pending", "recovered", "lost"];

/** What the API is asked for these parts of the address. */
function asked(params, more) {
  const { since, until, status, ...rest } = params;
  const query = {
    ...rest, ...more,
    ...(since && { since: fromLocal(since) }), ...(until && { until: fromLocal(until) }),
    status: status === "missed" ? "pending,recovered,lost" : status,
  };
  return `journal?${new URLSearchParams(Object.entries(query).filter(([, value]) => value != null && value !== ""))}`;
}

const Status = ({ row }) => html`<span class=${`badge ${COLOUR[row.status]}`}>${mean("status", row.status)}</span>
  ${row.redial && html`<span class="badge tag" title=${mean("redial-is", row.redial)}>${mean("redial", row.redial)}</span>`}`;

function cells(row, params) {
  const call = row.call;
  const of = call ?? row.callback;
  const whence = [of.whence.source, of.whence.campaign].filter(Boolean).join(" · ");
  return html`
    <td><a href=${link("journal", row.id, params)}><${Moment} at=${row.at} /></a></td>
    <td><${Client} number=${of.number} name=${of.name} /></td>
    <td><${Status} row=${row} /></td>
    <td class="wide">${of.line}</td>
    <td class="wide">${call?.operator ?? row.reached_by ?? ""}</td>
    <td class="wide num">${call?.waited_ms ? span(call.waited_ms) : ""}</td>
    <td class="wide num">${call?.talk_ms ? span(call.talk_ms) : ""}</td>
    <td class="wide">${call ? whence : html`<span class="quiet">${t("request")}</span> ${whence}`}</td>`;
}

// ---- One row ----

function facts(row) {
  const call = row.call;
  const of = call ?? row.callback;
  const queue = call?.queue;
  const time = (at) => at && html`<time datetime=${at} title=${at}>${exactly(at)}</time>`;
  const file = (name) => name && html`<code>${name}</code>`;
  return [
    ["line", of.line], ["group", queue?.group], ["operator", call?.operator], ["reached-by", row.reached_by],
    ["arrived", time(row.at)], ["place-since", queue && queue.since !== row.at && time(queue.since)], ["served", time(call?.served)], ["ended", time(call?.ended)],
    ["waited", call && span(call.waited_ms)], ["talked", call?.talk_ms ? span(call.talk_ms) : ""],
    ["left", queue?.left && mean("left", queue.left)], ["handed-to", queue?.handed_to], ["recording", file(queue?.recording)], ["voicemail", file(queue?.voicemail)],
    ["channel", of.whence.channel], ["source", of.whence.source], ["campaign", of.whence.campaign], ["page", of.whence.page], ["tags", of.whence.tags],
    ["cause", call?.cause], ["switch", call?.switch], ["id", call && file(call.id)],
  ].filter(([, value]) => value);
}

/** A row by its id, which begins with its time. */
function Detail({ me, id }) {
  const at = Number(id.split(".")[1]);
  const iso = (ms) => new Date(ms).toISOString();
  const { data, fault, again } = useLoaded(`journal?since=${iso(at)}&until=${iso(at + 1)}&limit=1000`);
  useFresh(again, { pause: 600 });
  if (fault) return html`<${Fault} why=${fault} />`;
  const row = data?.rows.find((one) => one.id === id);
  if (!row) return data ? html`<p class="empty">${t("gone")}</p>` : null;
  const of = row.call ?? row.callback;
  return html`<article>
    <h2><${Client} number=${of.number} name=${of.name} /></h2>
    <p class="row"><${Status} row=${row} /></p>
    <dl>${facts(row).map(([name, value]) => html`<div key=${name}><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl>
    ${row.callback && html`<h3><a href=${link("callbacks", row.callback.id)}>${t("callback")} № ${row.callback.id}</a></h3><${Why} key=${row.callback.id} me=${me} id=${row.callback.id} heading=${false} />`}
  </article>`;
}

// ---- The list ----

/** What sources and campaigns there were in the last month, for the filters. */
function useWords(by) {
  const [names, setNames] = useState([]);
  useEffect(() => {
    const since = new Date(Date.now() - 30 * 86_400_000).toISOString();
    ask(`report?by=${by}&since=${since}`).then(({ rows }) => setNames(rows.map((row) => row.name).filter(Boolean)), () => {});
  }, [by]);
  return names;
}

/** The journal as a list with the chosen row beside. */
export function Journal({ me, id, params }) {
  const lines = useLines();
  const { data: groups } = useLoaded("groups");
  const { data: people } = useLoaded("operators");
  const [sources, campaigns] = [useWords("source"), useWords("campaign")];
  const named = (list = []) => list.map(({ name }) => [name, name]);
  const fields = [
    { name: "status", label: t("status"), options: [["missed", t("missed")], ...choices("status", STATUSES)] },
    { name: "redial", label: t("redial"), options: [["true", t("redial.true")], ["false", t("redial.false")]] },
    { name: "number", label: t("number"), type: "tel" },
    { name: "line", label: t("line"), options: lines.map((name) => [name, name]) },
    { name: "group", label: t("group"), options: named(groups?.groups) },
    { name: "operator", label: t("operator"), options: named(people?.operators) },
    { name: "source", label: t("source"), list: sources },
    { name: "campaign", label: t("campaign"), list: campaigns },
    { name: "since", label: t("since"), type: "datetime-local" },
    { name: "until", label: t("until"), type: "datetime-local" },
  ];
  const head = [["", t("time")], ["", t("client")], ["stand", t("status")], ["wide", t("line")], ["wide", t("operator")], ["wide num", t("waited")], ["wide num", t("talked")], ["wide", t("from")]];
  return html`<${Filters} view="journal" params=${params} fields=${fields}><a class="button" href=${`/api/v1/${asked(params, { format: "csv" })}`} download>${t("csv")}</a><//>
    <div class=${`beside ${id ? "opened" : ""}`}>
      <${List} path=${(before, limit) => asked(params, { before, limit })} of="rows" head=${head} cells=${(row) => cells(row, params)} chosen=${id} label=${t("label")} empty=${t("empty")}
        onChoose=${(row) => { location.hash = link("journal", row.id, params); }} />
      ${id && html`<aside class="card detail"><a class="button close" href=${link("journal", "", params)} aria-label=${t("close")}>✕</a><${Detail} key=${id} me=${me} id=${id} /></aside>`}
    </div>`;
}
