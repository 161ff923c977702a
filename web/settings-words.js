// What the fields of the settings are called, what they take, and where they stand in the forms.
import { language, words } from "/web/common.js";

export const t = words({
  ru: {
    line: "Линии", group: "Группы", operator: "Операторы", calendar: "Часы работы", defaults: "Для всех линий",
    trunk: "Провайдеры", toml: "TOML", history: "История", name: "Имя", add: "Добавить", remove: "Убрать", restore: "Вернуть", cancel: "Отмена",
    "one-line": "Линия", "one-group": "Группа", "one-operator": "Оператор", "one-calendar": "Расписание", "one-trunk": "Провайдер", "one-defaults": "Для всех линий",
    redial: "Обратный звонок", requested: "Заказанный звонок", queue: "Ожидание на линии", own: "О линии", usual: "обычное",
    "from-file": "из файла", "from-settings": "изменено здесь", "from-environment": "задано переменной {place}: здесь не меняется",
    "of-defaults": "как у всех линий: {value}", "of-redial": "как у обратного звонка: {value}", "of-usual": "по умолчанию: {value}", "of-nothing": "не задано",
    "taken-off": "взятое из файла снято", back: "вернуть как в файле", inherit: "не задавать", reset: "сбросить", review: "Проверить и сохранить",
    discard: "Отменить правки", changes: "Правки", "no-changes": "Правок нет", faulty: "есть ошибки", comment: "Что и зачем меняется", save: "Сохранить",
    saving: "Сохраняется…", saved: "Версия {version} действует.", trial: "Что было бы по журналу", "trial-run": "Посчитать за последние", days: "дней",
    "trial-wait": "Считаем по журналу, это может занять минуту…", was: "по журналу", current: "нынешние правила", new: "новые правила", change: "разница",
    missed: "пропущенных звонков", callbacks: "обратных звонков", recovered: "возвращённых клиентов", dials: "набрано клиентов",
    operator_time: "время операторов", talk: "из него разговор", to_talk_median: "до разговора: половина за", cost: "стоимость",
    "trial-known": "Что сделал клиент: известно для {known} звонков, разыграно для {drawn}. Модель верна настолько, насколько «нынешние правила» близки к журналу.",
    "as-diff": "Построчно", nothing: "ничего", faults: "Что не так", "as-version": "как версия {version}", "as-file": "только файл",
    "roll-back": "Вернуться к этой версии", "roll-back-file": "Вернуться к одному файлу", "no-versions": "Пока ничего не сохранено: действует файл {file}.",
    "file-changed": "Файл {file} изменился после сохранения этой версии.", "held-off": "Версия {version} не подходит к файлу и не действует: действует один файл. Исправьте настройки ниже, вернитесь к другой версии или поправьте файл.",
    "read-only": "Менять настройки может администратор.", "take-theirs": "Перенести мои правки на новую версию", apply: "Перенести в формы",
    "toml-help": "Всё, что лежит поверх файла {file}. remove = [\"line.site.redial.avoid\"] снимает то, что сказано в файле. Примечания из этого поля не сохраняются.",
    say: "Показать", play: "Прослушать", said: "Прозвучит", "no-sound": "звук: {why}", closed: "закрыто", copy: "как накануне",
    up: "выше", down: "ниже", level: "уровень", weight: "доля", "add-member": "Добавить оператора…", "and-then": "или", "add-rule": "+ правило",
    "call-is": "звонок", unserved: "без ответа", served: "с ответом", shorter: "короче", unique: "первый за", waited: "ждал не меньше",
    after: "через", at: "в часы", spread: "в разные часы", from: "начиная с", today: "сегодня", tomorrow: "завтра", person: "сразу", delay: "через", press: "по клавише",
    yes: "да", no: "нет", "new-name": "Имя нового", "by-hand-toml": "Это значение правится во вкладке TOML.", changed: "изменено",
  },
  en: {
    line: "Lines", group: "Groups", operator: "Operators", calendar: "Hours", defaults: "For all lines",
    trunk: "Trunks", toml: "TOML", history: "History", name: "Name", add: "Add", remove: "Remove", restore: "Restore", cancel: "Cancel",
    "one-line": "Line", "one-group": "Group", "one-operator": "Operator", "one-calendar": "Calendar", "one-trunk": "Trunk", "one-defaults": "All lines",
    redial: "Calling back", requested: "Calls that clients ask for", queue: "Waiting on the line", own: "About the line", usual: "usual",
    "from-file": "from the file", "from-settings": "changed here", "from-environment": "set by the variable {place}: not to be changed here",
    "of-defaults": "as for all lines: {value}", "of-redial": "as for calling back: {value}", "of-usual": "by default: {value}", "of-nothing": "not set",
    "taken-off": "what the file says is taken off", back: "back to the file's", inherit: "do not set", reset: "reset", review: "Review and save",
    discard: "Discard changes", changes: "Changes", "no-changes": "No changes", faulty: "there are faults", comment: "What is changed, and why", save: "Save",
    saving: "Saving…", saved: "Version {version} is in force.", trial: "What it would have been, by the journal", "trial-run": "Try on the last", days: "days",
    "trial-wait": "Going through the journal, this may take a minute…", was: "journal", current: "rules in force", new: "new rules", change: "difference",
    missed: "missed calls", callbacks: "callbacks", recovered: "recovered clients", dials: "dials to clients",
    operator_time: "operators' time", talk: "of it talk", to_talk_median: "to talk: half within", cost: "cost",
    "trial-known": "What the client did is known for {known} dials and drawn for {drawn}. The model is as good as “rules in force” are near to the journal.",
    "as-diff": "As lines", nothing: "nothing", faults: "What is wrong", "as-version": "as version {version}", "as-file": "the file alone",
    "roll-back": "Go back to this version", "roll-back-file": "Go back to the file alone", "no-versions": "Nothing was saved yet: the file {file} is in force.",
    "file-changed": "The file {file} has changed since this version was saved.", "held-off": "Version {version} does not fit the file and is not in force: the file alone is. Mend the settings below, go back to another version, or mend the file.",
    "read-only": "Only an admin changes settings.", "take-theirs": "Carry my changes over to the new version", apply: "Take over into the forms",
    "toml-help": "All that lies over the file {file}. remove = [\"line.site.redial.avoid\"] takes off what the file says. Comments in this box are not kept.",
    say: "Show", play: "Play", said: "It says", "no-sound": "sound: {why}", closed: "closed", copy: "as the day before",
    up: "up", down: "down", level: "level", weight: "share", "add-member": "Add an operator…", "and-then": "or", "add-rule": "+ rule",
    "call-is": "a call", unserved: "without an answer", served: "with an answer", shorter: "shorter than", unique: "the first within", waited: "who waited at least",
    after: "after", at: "at", spread: "at hours not yet tried", from: "from", today: "today", tomorrow: "tomorrow", person: "at once", delay: "after", press: "by a key",
    yes: "yes", no: "no", "new-name": "Name of the new one", "by-hand-toml": "This value is edited in the tab TOML.", changed: "changed",
  },
});

const RU = language === "ru";
const pick = (ru, en) => (RU ? ru : en);
const TIME = pick("время: 30s, 5m, 1h30m", "a time: 30s, 5m, 1h30m");
const MANY = pick("через запятую", "parted by commas");

const field = (name, kind, ru, en, more = {}) => ({ name, kind, label: pick(ru, en), ...more });
const span = (name, ru, en, more) => field(name, "span", ru, en, { hint: TIME, ...more });
const choice = (name, ru, en, options) => field(name, "choice", ru, en, { options: options.map(([value, r, e]) => [value, pick(r, e)]) });
const words2 = (name, ru, en) => field(name, "template", ru, en);
const box = (ru, en, fields) => ({ title: pick(ru, en), fields });

const WAYS = [["goodbye", "попрощаться", "say goodbye"], ["voicemail", "записать сообщение", "take a message"], ["call-back", "перезвонить", "call back"],
  ["wait", "ждать", "wait"], ["dialplan", "вернуть станции", "back to the dialplan"]];
const way = (name, ru, en) => field(name, "choice", ru, en, { options: WAYS.map(([value, r, e]) => [value, pick(r, e)]) });

const CALLING = [
  box("Как звоним", "How it is called", [
    choice("mode", "Кто начинает", "Who begins", [["auto", "сам, когда пора", "by itself, when due"], ["by-hand", "человек, одним нажатием", "a person, by one click"]]),
    span("track", "Ждём, не перезвонит ли сам", "Time to call again by themselves"),
    choice("order", "Кому звоним сначала", "Whose phone rings first", [["operator-first", "оператору", "the operator's"], ["client-first", "клиенту", "the client's"]]),
    span("ring", "Сколько звонит телефон клиента", "How long the client's phone rings"),
    field("attempts", "count", "Попыток", "Attempts", { hint: "1–100" }),
    span("expire", "Через сколько уже не звоним", "After how long it is given up"),
    span("longest_talk", "Самый долгий разговор", "Longest talk"),
    span("called_within", "Обещаем звонок за", "A call is promised within"),
  ]),
  box("Когда снова", "When again", [
    field("busy", "again", "Занято", "Busy"),
    field("no_answer", "again", "Не отвечает", "No answer"),
    field("network", "again", "Сбой сети", "Network trouble", { plain: true }),
    field("avoid", "list", "Не звонить в часы клиента", "Client's hours to avoid", { hint: `11:00-13:00, ${MANY}` }),
    field("client_hours", "text", "Только в часы клиента", "Only in the client's hours", { hint: "mon-fri 09:00-20:00" }),
    choice("several_zones", "Если поясов у номера несколько", "A number of several time zones", [["common", "часы, годные во всех", "hours fit in all"], ["line", "по часам линии", "the line's clock"]]),
    field("per_day", "count", "Звонков одному в день, не больше", "Dials to one number a day, at most"),
    field("per_week", "count", "Звонков одному в неделю, не больше", "Dials to one number a week, at most"),
  ]),
  box("Что говорим", "What is said", [
    words2("announce_operator", "Оператору: пропущенный звонок", "To the operator: a missed call"),
    words2("announce_requested", "Оператору: звонок заказан", "To the operator: a call that was asked for"),
    words2("announce_repeated", "Оператору: не первая попытка", "To the operator: not the first try"),
    words2("announce_client", "Клиенту (пусто: сразу оператор)", "To the client (empty: the operator at once)"),
  ]),
];

const MISSED = box("Что пропущено", "What is missed", [field("missed", "missed", "Пропущенным считается", "Counts as missed")]);

const QUEUE = [
  box("Что слышно", "What is heard", [
    field("greeting", "template", "Приветствие", "Greeting"),
    field("music", "text", "Музыка", "Music", { hint: "local_stream://moh" }),
  ]),
  box("Сколько ждут", "How long they wait", [
    span("longest_wait", "Ждать не дольше", "Longest wait"),
    field("longest", "count", "В очереди не больше", "At most in the queue"),
    span("in_time", "Вовремя — это за", "In time means within"),
    span("short", "Бросил раньше — не в счёт", "Hung up sooner does not count"),
    span("keep_place", "Место хранится после обрыва", "The place is kept after a break"),
    span("longest_hold", "На удержании не дольше", "Longest hold"),
  ]),
  box("Куда уходят", "Where they go", [
    way("closed", "Закрыто", "Closed"), way("nobody", "Никого нет", "Nobody takes calls"), way("full", "Очередь полна", "The queue is full"), way("late", "Ждали слишком долго", "Waited for too long"),
  ]),
];

const LINE = [
  box("О линии", "About the line", [
    field("numbers", "list", "Номера, на которые звонят", "Numbers that clients dial", { hint: `+74951112233, ${MANY}` }),
    field("caller_id", "text", "Каким номером звоним", "The number that clients see", { hint: "+74951112233" }),
    field("group", "ref", "Группа операторов", "Group of operators", { of: "group" }),
    field("trunks", "refs", "Провайдеры по порядку", "Trunks, first choice first", { of: "trunk" }),
    field("calendar", "ref", "Часы работы", "Hours", { of: "calendar" }),
    field("priority", "count", "Очерёдность (больше — раньше)", "Priority (higher goes first)", { hint: "0–100" }),
    choice("language", "Язык объявлений", "Language of announcements", [["ru", "русский", "Russian"], ["en", "английский", "English"]]),
    field("callcenter", "text", "Очередь mod_callcenter", "Queue of mod_callcenter", { hint: "sales@default" }),
  ]),
  box("Откуда клиенты", "Where clients come from", [
    field("channel", "text", "Канал", "Channel"), field("source", "text", "Источник", "Source"), field("campaign", "text", "Кампания", "Campaign"),
  ]),
];

/** By section its tabs, each with its path below the name and its boxes of fields. */
export const FORMS = {
  line: [
    { tab: "own", under: [], boxes: LINE },
    { tab: "redial", under: ["redial"], boxes: [MISSED, ...CALLING] },
    { tab: "requested", under: ["requested"], boxes: CALLING },
    { tab: "queue", under: ["queue"], boxes: QUEUE },
  ],
  group: [{ tab: "own", under: [], boxes: [box("Группа", "Group", [
    field("operators", "members", "Операторы", "Operators"),
    choice("strategy", "Кому звонить", "Who is rung", [
      ["top-down", "по порядку, всегда сначала", "in order, always from the top"], ["ring-all", "всем сразу", "all at once"],
      ["ring-progressively", "по одному больше, пока не ответят", "one more every few seconds"], ["longest-idle-agent", "кто дольше свободен", "idle for longest"],
      ["agent-with-least-talk-time", "кто меньше говорил", "talked least"], ["agent-with-fewest-calls", "у кого меньше звонков", "fewest calls"],
      ["sequentially-by-agent-order", "по порядку группы", "in the group's order"], ["round-robin", "по кругу", "round robin"],
      ["random", "случайно", "by chance"], ["weighted", "по долям", "by weight"],
    ]),
    field("remember", "remember", "Сначала тому, кто говорил с клиентом", "First the one who talked with the client", { hint: TIME }),
    span("escalate", "Через сколько звать следующий уровень", "After how long the next level is rung"),
  ])] }],
  operator: [{ tab: "own", under: [], boxes: [
    box("Телефоны", "Phones", [
      field("dial", "list", "Куда звонить", "Phones", { hint: `user/1001, ${MANY}`, single: true }),
      choice("phones", "Если их несколько", "Several of them", [["in-order", "по очереди", "one after the other"], ["together", "сразу все", "together"]]),
      span("ring", "Сколько звонит", "How long a phone rings"),
      field("answer", "answer", "Ответил — это человек", "An answer is a person"),
      field("agent", "text", "Агент mod_callcenter", "Agent of mod_callcenter", { hint: "1001@default" }),
    ]),
    box("Паузы", "Pauses", [
      span("wrap_up", "После разговора", "After a talk"),
      span("no_answer_pause", "Не ответил", "Did not answer"),
      span("reject_pause", "Отклонил", "Declined"),
      field("away_after", "count", "Сколько раз не ответить, чтобы стать «нет на месте»", "Set away after so many unanswered"),
      field("calls", "count", "Звонков сразу (робот)", "Calls at once (a robot)"),
    ]),
  ] }],
  calendar: [{ tab: "own", under: [], boxes: [box("Неделя", "Week", [
    field("hours", "week", "Часы", "Hours"),
    field("holidays", "list", "Выходные и праздники", "Holidays", { hint: `2027-01-01..2027-01-08, ${MANY}` }),
    field("workdays", "list", "Рабочие дни в выходные", "Days off that are worked", { hint: `2027-02-20, ${MANY}` }),
  ])] }],
  trunk: [{ tab: "own", under: [], boxes: [box("Провайдер", "Trunk", [
    field("channels", "count", "Звонков сразу", "Calls at once"),
    field("per_minute", "text", "Цена минуты", "Price of a minute", { hint: "1.90 RUB" }),
    span("billing", "Платим за каждые", "Billed by every"),
    field("cap_per_month", "text", "Не больше в месяц", "At most a month", { hint: "3000 RUB" }),
  ])] }],
  defaults: [
    { tab: "redial", under: ["redial"], boxes: [MISSED, ...CALLING] },
    { tab: "requested", under: ["requested"], boxes: CALLING },
    { tab: "queue", under: ["queue"], boxes: QUEUE },
    { tab: "usual", under: [], boxes: [box("Общее", "General", [
      choice("language", "Язык объявлений", "Language of announcements", [["ru", "русский", "Russian"], ["en", "английский", "English"]]),
      field("time_zone", "text", "Часовой пояс", "Time zone", { hint: "Europe/Moscow" }),
      field("country", "text", "Страна номеров", "Country of numbers", { hint: "RU" }),
    ])] },
  ],
};

export const SECTIONS = ["line", "group", "operator", "calendar", "defaults", "trunk"];
/** What a new table begins with. */
export const BEGIN = { line: ["numbers", []], group: ["operators", []], operator: ["dial", "user/"], calendar: ["hours", "mon-fri 09:00-18:00"] };

/** The field of a path, if the forms have it. */
export function fieldOf(path) {
  const name = path[path.length - 1];
  const under = path.slice(path[0] === "defaults" ? 1 : 2, -1).join(".");
  const form = FORMS[path[0]]?.find((tab) => tab.under.join(".") === under);
  return form?.boxes.flatMap((one) => one.fields).find((one) => one.name === name);
}

/** A path in words: Line site · Calling back · Attempts. */
export function called(path) {
  const where = path[0] === "defaults" ? [t("one-defaults")] : [`${t(`one-${path[0]}`)} ${path[1] ?? ""}`];
  const rest = path.slice(path[0] === "defaults" ? 1 : 2);
  const field = fieldOf(path);
  const layers = (field ? rest.slice(0, -1) : rest).map((part) => (["redial", "requested", "queue"].includes(part) ? t(part) : part));
  return [...where, ...layers, ...(field ? [field.label] : [])].join(" · ");
}

/** A value in words. */
export function shown(value, field) {
  if (value === undefined || value === null) return t("nothing");
  if (value === true || value === false) return t(value ? "yes" : "no");
  if (field?.options) return field.options.find(([word]) => word === value)?.[1] ?? plain(value);
  return plain(value);
}

/** Words of the configuration that mean something to people. */
const WORDS = ["spread", "person", "today", "tomorrow", "unserved", "served"];
const KEYS = { call: "call-is", shorter_than: "shorter", waited: "waited", within: "unique", at: "at", after: "after", from: "from", delay: "delay", press: "press", level: "level", weight: "weight" };

function plain(value) {
  if (Array.isArray(value)) return value.length ? value.map(plain).join(", ") : t("nothing");
  if (value && typeof value === "object") {
    const { name, unique, ...rest } = value;
    const said = Object.entries(rest).map(([key, inner]) => `${t(KEYS[key] ?? key)} ${plain(inner)}`);
    if (unique && !rest.within) said.push(`${t("unique")} 30d`);
    return name ? `${name} (${said.join(", ")})` : said.join(", ");
  }
  if (value === "") return t("nothing");
  return WORDS.includes(value) ? t(value) : String(value);
}
