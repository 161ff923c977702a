// The API's own words, as people say them.
import { language, words } from "/web/common.js";

const t = words({
  ru: {
    "status.live": "идёт", "status.served": "принят", "status.unserved": "без разговора", "status.pending": "перезвоним",
    "status.recovered": "дозвонились", "status.lost": "потерян",
    "redial.again": "перезвон", "redial.dialled": "перезвон",
    "redial-is.again": "Клиент позвонил снова после пропущенного", "redial-is.dialled": "Мы звонили клиенту после пропущенного",
    "state.tracking": "ждём клиента", "state.waiting": "в очереди", "state.active": "звоним", "state.ending": "завершается", "state.closed": "закрыт",
    "reason.talked": "поговорили", "reason.client-called": "клиент дозвонился сам", "reason.operator-called": "оператор позвонил сам",
    "reason.invalid": "номер не существует", "reason.declined": "клиент отказался", "reason.attempts-spent": "попытки исчерпаны",
    "reason.expired": "срок вышел", "reason.cancelled": "отменён", "reason.do-not-call": "просили не звонить", "reason.observed": "только наблюдение",
    "outcome.talked": "поговорили", "outcome.busy": "занято", "outcome.no-answer": "нет ответа", "outcome.invalid": "номер не существует",
    "outcome.declined": "клиент отклонил", "outcome.machine": "автоответчик", "outcome.network": "неполадка сети",
    "outcome.operator-unavailable": "оператор не ответил", "outcome.operator-declined": "оператор отказался",
    "outcome.postponed": "просили позже", "outcome.cancelled": "остановлено", "outcome.unknown": "неизвестно",
    "origin.missed": "пропущенный звонок", "origin.queue": "просьба из очереди", "origin.by-hand": "заказан вручную",
    "origin.listed": "список", "origin.web": "сайт",
    "operator.free": "свободен", "operator.callback": "на звонке", "operator.busy": "занят", "operator.wrap-up": "после разговора",
    "operator.resting": "не ответил, пауза", "operator.unregistered": "телефон не в сети", "operator.away": "перерыв",
    "left.served": "принят", "left.abandoned": "клиент положил трубку", "left.short": "сразу положил трубку", "left.call-back": "попросил перезвонить",
    "left.key": "нажал клавишу", "left.closed": "нерабочее время", "left.nobody": "нет операторов", "left.full": "очередь полна",
    "left.late": "ждал слишком долго", "left.given-back": "вернули в номерной план",
    "stage.tracking": "ждём, не позвонит ли сам", "stage.later": "ждёт своего времени", "stage.due": "пора звонить, ждём оператора",
    "stage.ringing": "звоним оператору", "stage.waiting": "ждём оператора за станцией", "stage.announcing": "оператор слушает, кто это",
    "stage.checking": "проверяем, не звонит ли клиент", "stage.dialling": "набираем клиента", "stage.greeting": "клиент слушает приветствие",
    "stage.taking": "клиент звонит сам, соединяем", "stage.joining": "соединяем", "stage.talking": "разговор", "stage.ending": "завершаем",
    "stage.settling": "выясняем после обрыва связи",
    "hears.greeting": "слушает приветствие", "hears.music": "слушает музыку", "hears.ringing-tone": "слышит гудки", "hears.words": "слушает сообщение",
    "hears.question": "отвечает на вопрос", "hears.joining": "соединяем", "hears.nothing": "тишина",
    "veto.tracking": "клиенту дано время позвонить самому", "veto.not-due": "время ещё не пришло", "veto.under-way": "попытка уже идёт",
    "veto.paused": "перезвоны приостановлены", "veto.stopping": "сервер останавливается", "veto.store": "база не принимает записи",
    "veto.observing": "режим наблюдения", "veto.no-line": "линии больше нет в настройках",
    "veto.by-hand": "линия звонит только по просьбе, а её ещё не было", "veto.list-rests": "список приостановлен",
    "veto.client-calls": "клиент звонит прямо сейчас", "veto.shut": "нерабочее время линии", "veto.client-shut": "у клиента неподходящее время",
    "veto.avoided": "эти часы лучше не занимать", "veto.day": "сегодня клиенту уже звонили достаточно", "veto.week": "за неделю клиенту уже звонили достаточно",
    "veto.spent": "месячный предел расходов исчерпан", "veto.no-trunk": "все каналы заняты или коммутатор недоступен", "veto.no-operator": "нет свободного оператора",
    "blocked.invalid": "номер не существует", "blocked.declined": "клиент отказался от звонков", "blocked.operator": "отметил оператор", "blocked.person": "внесён вручную",
    "alarm.impossible": "ошибка программы", "alarm.clock": "часы", "alarm.trunk": "транк", "alarm.overdue": "зависший канал", "alarm.store": "база",
    "alarm.silent": "коммутатор молчит", "alarm.limit": "предел", "alarm.voice": "голос", "alarm.cap": "расходы", "alarm.hold": "удержание",
  },
  en: {
    "status.live": "live", "status.served": "served", "status.unserved": "no talk", "status.pending": "to call back",
    "status.recovered": "reached", "status.lost": "lost",
    "redial.again": "redial", "redial.dialled": "redial",
    "redial-is.again": "The client called again after a miss", "redial-is.dialled": "We dialled the client after a miss",
    "state.tracking": "client's turn", "state.waiting": "in line", "state.active": "dialling", "state.ending": "ending", "state.closed": "closed",
    "reason.talked": "talked", "reason.client-called": "the client got through", "reason.operator-called": "an operator called",
    "reason.invalid": "no such number", "reason.declined": "the client declined", "reason.attempts-spent": "attempts spent",
    "reason.expired": "expired", "reason.cancelled": "cancelled", "reason.do-not-call": "asked not to be called", "reason.observed": "only observed",
    "outcome.talked": "talked", "outcome.busy": "busy", "outcome.no-answer": "no answer", "outcome.invalid": "no such number",
    "outcome.declined": "declined", "outcome.machine": "a machine answered", "outcome.network": "network trouble",
    "outcome.operator-unavailable": "no operator answered", "outcome.operator-declined": "the operator left",
    "outcome.postponed": "asked for later", "outcome.cancelled": "stopped", "outcome.unknown": "unknown",
    "origin.missed": "missed call", "origin.queue": "asked for in the queue", "origin.by-hand": "asked for by hand",
    "origin.listed": "a list", "origin.web": "web site",
    "operator.free": "free", "operator.callback": "on a call", "operator.busy": "busy", "operator.wrap-up": "wrap-up",
    "operator.resting": "resting after no answer", "operator.unregistered": "phone offline", "operator.away": "away",
    "left.served": "served", "left.abandoned": "the client hung up", "left.short": "hung up at once", "left.call-back": "asked to be called back",
    "left.key": "pressed a key", "left.closed": "closed hours", "left.nobody": "no operators", "left.full": "queue full",
    "left.late": "waited too long", "left.given-back": "given back to the dialplan",
    "stage.tracking": "the client may call again", "stage.later": "waits for its time", "stage.due": "due, waits for an operator",
    "stage.ringing": "ringing the operator", "stage.waiting": "waiting behind the exchange", "stage.announcing": "the operator hears who it is",
    "stage.checking": "checking that the client does not call", "stage.dialling": "dialling the client", "stage.greeting": "the client hears the greeting",
    "stage.taking": "the client calls: joining", "stage.joining": "joining", "stage.talking": "talking", "stage.ending": "ending",
    "stage.settling": "finding out after a lost connection",
    "hears.greeting": "hears the greeting", "hears.music": "hears music", "hears.ringing-tone": "hears ringing", "hears.words": "hears an announcement",
    "hears.question": "answers a question", "hears.joining": "joining", "hears.nothing": "silence",
    "veto.tracking": "the client is given time to call again", "veto.not-due": "its time has not come", "veto.under-way": "an attempt is under way",
    "veto.paused": "callbacks are paused", "veto.stopping": "the server is about to stop", "veto.store": "the store takes no writes",
    "veto.observing": "the daemon only observes", "veto.no-line": "its line is gone from the settings",
    "veto.by-hand": "the line is dialled by hand, and nobody has asked yet", "veto.list-rests": "its list rests",
    "veto.client-calls": "the client is calling right now", "veto.shut": "the line is closed", "veto.client-shut": "it is no time to call where the client is",
    "veto.avoided": "these hours are to be avoided", "veto.day": "the client was dialled often enough today", "veto.week": "the client was dialled often enough this week",
    "veto.spent": "the month's money is spent", "veto.no-trunk": "every trunk is full, or its switch is away", "veto.no-operator": "no operator is free",
    "blocked.invalid": "no such number", "blocked.declined": "the client declined calls", "blocked.operator": "marked by an operator", "blocked.person": "entered by hand",
    "alarm.impossible": "a fault of the program", "alarm.clock": "clock", "alarm.trunk": "trunk", "alarm.overdue": "stuck channel", "alarm.store": "store",
    "alarm.silent": "silent switch", "alarm.limit": "limit", "alarm.voice": "voice", "alarm.cap": "spending", "alarm.hold": "hold",
  },
});

/** mean("status", "lost"): the word of this set; one that is not known here yet as the API says it. */
export const mean = (set, word) => {
  const said = word ? t(`${set}.${word}`) : "";
  return said === `${set}.${word}` ? word : said;
};

/** [[word, as people say it]] for a choice. */
export const choices = (set, list) => list.map((word) => [word, mean(set, word)]);

const RULE = [
  [/was not served/, "с клиентом никто не поговорил"],
  [/was served for less than (\S+)/, "разговор был короче $1"],
  [/ after waiting (\S+)/, ", ждал от $1"],
  [/ at (?=\d)/, ", в часы "],
  [/ or (?=\d)/g, " или "],
  [/ for the first time in (\S+)/, ", первый звонок за $1"],
];

/** By which rule a call was missed: the API says it in English. */
export const rule = (text) => (language === "ru" ? RULE.reduce((said, [from, to]) => said.replace(from, to), text) : `the client ${text}`);

/** Good, bad or neither. */
export const COLOUR = {
  live: "accent", served: "good", unserved: "", pending: "warn", recovered: "good", lost: "bad",
  tracking: "", waiting: "warn", active: "accent", ending: "accent", closed: "",
  free: "good", callback: "accent", busy: "accent", "wrap-up": "warn", resting: "warn", unregistered: "bad", away: "",
};
