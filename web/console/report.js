// The report: totals of a period, told apart by what one likes, with charts and the tables behind them.
import { html, language, span, useEffect, useRef, useState, words } from "/web/common.js";
import { Fault, link, useFresh, useLoaded } from "/web/console/shared.js";
import uPlot from "/web/vendor/uplot.js";

const t = words({
  ru: {
    period: "Период", today: "Сегодня", yesterday: "Вчера", 7: "7 дней", 30: "30 дней", custom: "Свой", since: "С", until: "По (включительно)", zone: "Часовой пояс", by: "По",
    "by.line": "линиям", "by.group": "группам", "by.operator": "операторам", "by.source": "источникам", "by.campaign": "кампаниям", "by.channel": "каналам рекламы", "by.hour": "часам", "by.day": "дням",
    csv: "Скачать CSV", nobody: "—", total: "Всего", calls: "Звонки", served: "Приняты", missed: "Пропущены", callbacks: "Перезвоны", recovered: "Дозвонились", share: "Доля возвращённых",
    attempts: "Попытки", "call-talk": "Разговоры входящие", talk: "Разговоры перезвонов", "to-talk": "До разговора, медиана", cost: "Стоимость", level: "Уровень сервиса",
    "wait-mean": "Ожидание, среднее", "wait-p90": "Ожидание, 90 %", name: "Что",
    "chart.calls": "Звонки", "chart.waits": "Ожидание на линии", "chart.level": "Уровень сервиса и доля возвращённых, %", "chart.cost": "Стоимость по источникам",
    table: "Таблица", empty: "За этот период звонков нет. Выберите другой период.", "no-data": "Нет данных за этот период.",
  },
  en: {
    period: "Period", today: "Today", yesterday: "Yesterday", 7: "7 days", 30: "30 days", custom: "Custom", since: "From", until: "To (inclusive)", zone: "Time zone", by: "By",
    "by.line": "line", "by.group": "group", "by.operator": "operator", "by.source": "source", "by.campaign": "campaign", "by.channel": "channel", "by.hour": "hour", "by.day": "day",
    csv: "Download CSV", nobody: "—", total: "Total", calls: "Calls", served: "Served", missed: "Missed", callbacks: "Callbacks", recovered: "Recovered", share: "Recovered share",
    attempts: "Attempts", "call-talk": "Inbound talks", talk: "Callback talks", "to-talk": "To the talk, median", cost: "Cost", level: "Service level",
    "wait-mean": "Wait, mean", "wait-p90": "Wait, 90 %", name: "What",
    "chart.calls": "Calls", "chart.waits": "Wait on the line", "chart.level": "Service level and recovered share, %", "chart.cost": "Cost by source",
    table: "Table", empty: "There are no calls in this period. Choose another one.", "no-data": "There is nothing in this period.",
  },
});

const BYS = ["line", "group", "operator", "source", "campaign", "channel", "hour", "day"];
const PERIODS = ["today", "yesterday", "7", "30", "custom"];
const TILES = ["calls", "missed", "recovered", "share", "to-talk", "level", "wait-mean", "cost"];
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

// ---- Periods: days of a zone ----

/** The date in this zone, 2027-01-31. */
const dateIn = (zone, at = new Date()) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" }).format(at);
const shifted = (date, days) => new Date(Date.parse(`${date}T12:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);

/** When this day begins in this zone: what the clocks there show is asked for twice, since the zone's own shift may change in between. */
function begins(date, zone) {
  const shown = (at) => Date.parse(`${new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }).format(at).replace(" ", "T")}Z`);
  const wanted = Date.parse(`${date}T00:00:00Z`);
  let at = wanted;
  for (let n = 0; n < 2; n++) at += wanted - shown(at);
  return new Date(at);
}

/** {first, last, since, until}: of the parts of the address. */
function periodOf(params, zone) {
  const today = dateIn(zone);
  const days = { today: [0, 0], yesterday: [-1, -1], 7: [-6, 0], 30: [-29, 0] }[params.period || "7"] ?? [-6, 0];
  const [first, last] = params.period === "custom"
    ? [params.since || shifted(today, -6), params.until || today]
    : days.map((day) => shifted(today, day));
  return { first, last, since: begins(first, zone).toISOString(), until: begins(shifted(last, 1), zone).toISOString() };
}

// ---- Charts ----

/** The colour that a word of the style sheet is now. */
function colour(word) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${word})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Draws `lines` ([{name, tone, values, bars?}]) over `names`; anew when the window or the theme changes. */
function draw(box, { names, lines, say }) {
  const [quiet, rim] = [colour("quiet"), colour("line")];
  const series = lines.map(({ name, tone, bars }) => {
    const own = colour(tone);
    const shape = bars ? { fill: own, width: 0, paths: uPlot.paths.bars({ size: [0.62, 42] }) } : { width: 2 };
    return { label: name, stroke: own, spanGaps: true, points: { show: !bars, size: 6, fill: own }, value: (_, v) => (v == null ? "–" : say(v)), ...shape };
  });
  const axis = { stroke: quiet, grid: { stroke: rim, width: 1 }, ticks: { stroke: rim, width: 1 }, font: "12px system-ui" };
  const most = Math.max(1, Math.floor((box.clientWidth - 80) / 72));
  const step = Math.max(1, Math.ceil(names.length / most));
  const options = {
    width: Math.max(240, box.clientWidth), height: 220, series: [{ label: "\u00a0", value: (_, v) => names[v] ?? "" }, ...series],
    scales: { x: { time: false, range: [-0.6, names.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1) * 1.08] } },
    axes: [
      { ...axis, grid: { show: false }, splits: () => names.map((_, at) => at).filter((at) => at % step === 0), values: (_, splits) => splits.map((at) => names[at]) },
      { ...axis, size: 64, values: (_, splits) => splits.map(say) },
    ],
    cursor: { drag: { x: false, y: false } }, legend: { live: true },
  };
  return new uPlot(options, [names.map((_, at) => at), ...lines.map(({ values }) => values)], box);
}

/** A chart, and what it shows as a table. */
function Chart({ title, names, lines, say }) {
  const box = useRef();
  const has = lines.some(({ values }) => values.some((value) => value != null));
  const key = JSON.stringify([names, lines]);
  useEffect(() => {
    if (!has) return undefined;
    let chart, wide;
    const anew = () => { chart?.destroy(); wide = box.current.clientWidth; chart = draw(box.current, { names, lines, say }); };
    const resized = new ResizeObserver(() => { if (box.current.clientWidth !== wide) anew(); });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    anew();
    resized.observe(box.current);
    addEventListener("theme", anew);
    dark.addEventListener("change", anew);
    return () => { resized.disconnect(); removeEventListener("theme", anew); dark.removeEventListener("change", anew); chart.destroy(); };
  }, [key, has]);
  return html`<figure class="card chart"><figcaption><h2>${title}</h2></figcaption>
    ${has ? html`<div ref=${box} class="drawn" aria-hidden="true"></div>` : html`<p class="empty">${t("no-data")}</p>`}
    ${has && html`<details><summary>${t("table")}</summary><div class="scroll"><table><thead><tr><th>${t("name")}</th>${lines.map(({ name }) => html`<th class="num">${name}</th>`)}</tr></thead>
      <tbody>${names.map((name, at) => html`<tr key=${name}><th scope="row">${name}</th>${lines.map(({ values }) => html`<td class="num">${values[at] == null ? "–" : say(values[at])}</td>`)}</tr>`)}</tbody></table></div></details>`}
  </figure>`;
}

// ---- Totals ----

const perMille = (share) => (share == null ? "–" : `${(share / 10).toLocaleString(language, { maximumFractionDigits: 1 })} %`);
const maybe = (ms) => (ms == null ? "–" : span(ms));

/** The columns of the table: name, and what of the totals. */
const columns = (currency) => [
  ["calls", (of) => of.calls], ["served", (of) => of.served], ["missed", (of) => of.missed], ["callbacks", (of) => of.callbacks], ["recovered", (of) => of.recovered],
  ["share", (of) => perMille(of.recovered_per_mille)], ["attempts", (of) => of.attempts], ["to-talk", (of) => maybe(of.to_talk_median)],
  ["call-talk", (of) => span(of.call_talk)], ["talk", (of) => span(of.talk)], ["level", (of) => perMille(of.queue.in_time_per_mille)],
  ["wait-mean", (of) => maybe(of.queue.wait_mean)], ["wait-p90", (of) => maybe(of.queue.wait_p90)],
  ...(currency ? [["cost", (of) => `${of.cost} ${currency}`]] : []),
];

function Table({ report, by }) {
  const wanted = columns(report.currency);
  const row = (name, of) => wanted.map(([key, say]) => html`<td key=${key} class="num">${say(of)}</td>`);
  return html`<section class="card"><div class="scroll"><table class="totals">
    <thead><tr><th>${t(`by.${by}`)}</th>${wanted.map(([key]) => html`<th key=${key} class="num">${t(key)}</th>`)}</tr></thead>
    <tbody>${report.rows.map((one) => html`<tr key=${one.name}><th scope="row">${one.name || t("nobody")}</th>${row(one.name, one)}</tr>`)}</tbody>
    <tfoot><tr><th scope="row">${t("total")}</th>${row("", report.total)}</tr></tfoot></table></div></section>`;
}

function Form({ params, zone, period }) {
  const go = (form) => {
    const said = Object.fromEntries(new FormData(form));
    location.hash = link("report", "", { ...said, zone: said.zone === HERE ? "" : said.zone });
  };
  const choose = (name, list, chosen, word) => html`<select name=${name} value=${chosen} onChange=${(event) => go(event.target.form)}>
    ${list.map((one) => html`<option key=${one} value=${one} selected=${one === chosen}>${t(word(one))}</option>`)}</select>`;
  const input = (name, type, value, list) => html`<input name=${name} type=${type} value=${value} list=${list} onChange=${(event) => go(event.target.form)} />`;
  return html`<form class="filters" onSubmit=${(event) => { event.preventDefault(); go(event.target); }}>
    <label><span>${t("period")}</span>${choose("period", PERIODS, params.period || "7", (one) => one)}</label>
    ${params.period === "custom" && html`<label><span>${t("since")}</span>${input("since", "date", period.first)}</label>
      <label><span>${t("until")}</span>${input("until", "date", period.last)}</label>`}
    <label><span>${t("by")}</span>${choose("by", BYS, params.by || "line", (one) => `by.${one}`)}</label>
    <label><span>${t("zone")}</span>${input("zone", "text", zone, "zones")}
      <datalist id="zones">${Intl.supportedValuesOf("timeZone").map((name) => html`<option key=${name} value=${name} />`)}</datalist></label>
    <span class="row"><a class="button" href=${`/api/v1/${asked(period, zone, params.by || "line")}&format=csv`} download>${t("csv")}</a></span>
  </form>`;
}

const asked = ({ since, until }, zone, by) => `report?${new URLSearchParams({ since, until, zone, by })}`;

/** Every hour or day of the period, those without calls too. */
function timeline(series, { first, last }) {
  const byName = new Map((series?.rows ?? []).map((row) => [row.name, row]));
  const names = [];
  if (first === last) for (let hour = 0; hour < 24; hour++) names.push(String(hour).padStart(2, "0"));
  else for (let day = first; day <= last && names.length < 400; day = shifted(day, 1)) names.push(day);
  const short = (name) => (first === last ? `${name}:00` : new Date(`${name}T12:00:00`).toLocaleDateString(language, { day: "numeric", month: "short" }));
  return { names: names.map(short), rows: names.map((name) => byName.get(name)) };
}

/** Is this a zone that browsers and the server know? */
function isZone(zone) {
  if (!zone) return false;
  try { return !!new Intl.DateTimeFormat("en", { timeZone: zone }); } catch { return false; }
}

/** The report. */
export function Report({ params }) {
  const zone = isZone(params.zone) ? params.zone : HERE;
  const by = BYS.includes(params.by) ? params.by : "line";
  const period = periodOf(params, zone);
  const main = useLoaded(asked(period, zone, by));
  const series = useLoaded(asked(period, zone, period.first === period.last ? "hour" : "day"));
  const costs = useLoaded(asked(period, zone, "source"));
  useFresh(() => { main.again(); series.again(); costs.again(); }, { pause: 5000, only: ({ name }) => /ended|missed|closed|reset/.test(name) });
  const { names, rows } = timeline(series.data, period);
  const of = (pick) => rows.map((row) => (row ? pick(row) ?? null : null));
  const count = (pick) => rows.map((row) => (row ? pick(row) : 0));
  const share = (per) => (per == null ? null : per / 10);
  const number = (value) => Number(value).toLocaleString(language, { maximumFractionDigits: 2 });
  const seconds = (value) => span(value * 1000);
  const report = main.data;
  const sources = (costs.data?.rows ?? []).filter((row) => Number(row.cost) > 0);
  return html`<${Form} params=${params} zone=${zone} period=${period} />
    <${Fault} why=${main.fault ?? series.fault ?? costs.fault} />
    ${report && (report.total.calls + report.total.callbacks === 0 ? html`<p class="card empty">${t("empty")}</p>` : html`
      <section class="tiles">${columns(report.currency).filter(([key]) => TILES.includes(key))
        .map(([key, say]) => html`<div key=${key} class="tile"><b data-total=${key}>${say(report.total)}</b><span>${t(key)}</span></div>`)}</section>
      ${!(series.data && costs.data) ? html`<div class="charts">${[1, 2, 3, 4].map((n) => html`<div key=${n} class="card chart"></div>`)}</div>` : html`<div class="charts">
        <${Chart} title=${t("chart.calls")} names=${names} say=${number} lines=${[
          { name: t("calls"), tone: "chart-calls", values: count((row) => row.calls), bars: true },
          { name: t("missed"), tone: "bad", values: count((row) => row.missed), bars: true },
          { name: t("recovered"), tone: "good", values: count((row) => row.recovered) }]} />
        <${Chart} title=${t("chart.waits")} names=${names} say=${seconds} lines=${[
          { name: t("wait-mean"), tone: "accent", values: of((row) => row.queue.wait_mean != null ? row.queue.wait_mean / 1000 : null) },
          { name: t("wait-p90"), tone: "warn", values: of((row) => row.queue.wait_p90 != null ? row.queue.wait_p90 / 1000 : null) }]} />
        <${Chart} title=${t("chart.level")} names=${names} say=${number} lines=${[
          { name: t("level"), tone: "accent", values: of((row) => share(row.queue.in_time_per_mille)) },
          { name: t("share"), tone: "good", values: of((row) => share(row.recovered_per_mille)) }]} />
        <${Chart} title=${t("chart.cost")} names=${sources.map((row) => row.name || t("nobody"))} say=${number} lines=${[
          { name: `${t("cost")}, ${report.currency ?? ""}`, tone: "accent", values: sources.map((row) => Number(row.cost)), bars: true }]} />
      </div>`}
      <${Table} report=${report} by=${by} />`)}`;
}
