// A draft of the settings: what is set over the file and what of the file is taken off, path by path. Pure: no page, no server.

export const key = (path) => JSON.stringify(path);
export const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
const sorted = (value) => (value && typeof value === "object" && !Array.isArray(value)
  ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]))
  : Array.isArray(value) ? value.map(sorted) : value);
export const startsWith = (path, start) => start.every((part, n) => path[n] === part);

const LISTS = ["line", "operator", "group", "calendar", "trunk"];
/** What callbacks that clients ask for are spared, unless their own keys say it. */
const NOT_REQUESTED = ["track", "avoid", "missed"];

export class Draft {
  constructor(now) {
    this.now = now;
    this.file = new Map(now.file_values.map((valued) => [key(valued.path), valued]));
    this.set = new Map(now.set.map(({ path, value }) => [key(path), { path, value }]));
    this.removed = new Map(now.removed.map((path) => [key(path), path]));
  }

  /** A copy that may be changed. */
  copy() {
    const copy = Object.assign(Object.create(Draft.prototype), this);
    copy.set = new Map(this.set);
    copy.removed = new Map(this.removed);
    return copy;
  }

  isRemoved(path) {
    return [...this.removed.values()].some((removed) => startsWith(path, removed));
  }

  /** What the file says there, unless that is taken off. */
  ofFile(path) {
    const found = this.file.get(key(path));
    return found && (found.from === "environment" || !this.isRemoved(path)) ? found : undefined;
  }

  /** What is written for this path itself: {value, from: "settings" | "file" | "environment", place}; nothing: it is inherited. */
  own(path) {
    const below = this.ofFile(path);
    if (below?.from === "environment") return below;
    const set = this.set.get(key(path));
    return set ? { value: set.value, from: "settings" } : below;
  }

  /** Where a value comes from that is written nowhere itself: {value, of: "defaults" | "redial" | "usual"}. */
  inherited(path) {
    const [section, , layer, name] = path[0] === "defaults" ? ["defaults", "", path[1], path[2]] : path;
    const usual = this.now.usual;
    const of = (from, value) => (value === undefined ? undefined : { value, of: from });
    if (name === undefined) {
      const table = LISTS.includes(section) ? usual[section] : undefined;
      return of("usual", table?.[path[2]]);
    }
    const chain = [];
    if (section === "line") chain.push(["defaults", ["defaults", layer, name]]);
    if (layer === "requested" && !NOT_REQUESTED.includes(name)) {
      if (section === "line") chain.push(["redial", ["line", path[1], "redial", name]]);
      chain.push(["defaults", ["defaults", "redial", name]]);
    }
    for (const [from, there] of chain) {
      const found = this.own(there);
      if (found) return of(from, found.value);
    }
    return of("usual", usual[layer]?.[name]);
  }

  /** The value that holds. */
  value(path) {
    return this.own(path)?.value ?? this.inherited(path)?.value;
  }

  /** The names of a section's tables: those of the file, then the new ones; with what is taken off only when asked. */
  names(section, withRemoved = false) {
    const paths = [...this.file.values()].map((valued) => valued.path).concat([...this.set.values()].map(({ path }) => path));
    const names = new Set(paths.filter((path) => path[0] === section && path.length > 2).map((path) => path[1]));
    return [...names].filter((name) => withRemoved || !this.gone(section, name));
  }

  /** Is this table of the file taken off? */
  gone(section, name) {
    return this.removed.has(key([section, name]));
  }

  put(path, value) {
    const below = this.file.get(key(path));
    this.removed.delete(key(path));
    if (below && !this.isRemoved(path) && same(below.value, value)) this.set.delete(key(path));
    else this.set.set(key(path), { path, value });
  }

  /** Back to what the file says, or to what is inherited. */
  back(path) {
    this.set.delete(key(path));
    this.removed.delete(key(path));
  }

  /** Not even what the file says: what is inherited. */
  inherit(path) {
    this.set.delete(key(path));
    if (this.file.has(key(path))) this.removed.set(key(path), path);
  }

  takeOff(section, name) {
    for (const [id, { path }] of this.set) if (startsWith(path, [section, name])) this.set.delete(id);
    for (const [id, path] of this.removed) if (startsWith(path, [section, name])) this.removed.delete(id);
    const inFile = [...this.file.values()].some(({ path }) => startsWith(path, [section, name]));
    if (inFile) this.removed.set(key([section, name]), [section, name]);
  }

  /** As the API takes it. */
  body() {
    return { set: [...this.set.values()], removed: [...this.removed.values()] };
  }

  /** What this changed of the settings it began with, done to others that were saved meanwhile. */
  over(now) {
    const [base, next] = [new Draft(this.now), new Draft(now)];
    for (const [id, one] of this.set) if (!same(base.set.get(id)?.value, one.value)) next.set.set(id, one);
    for (const id of base.set.keys()) if (!this.set.has(id)) next.set.delete(id);
    for (const [id, path] of this.removed) if (!base.removed.has(id)) next.removed.set(id, path);
    for (const id of base.removed.keys()) if (!this.removed.has(id)) next.removed.delete(id);
    return next;
  }
}

// ---- Opening hours: "mon-fri 09:00-20:00; sat 10:00-16:00" ----

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** For each weekday from Monday its spans as texts, "09:00-20:00"; nothing: these are no hours. */
export function week(text) {
  const days = DAYS.map(() => []);
  for (const rule of (text ?? "").split(";").map((part) => part.trim()).filter(Boolean)) {
    const [, names, spans] = /^(\S+)\s+(.+)$/.exec(rule) ?? [];
    if (!names) return undefined;
    for (const part of names.toLowerCase().split(",")) {
      const [from, to] = part.split("-").map((day) => DAYS.indexOf(day.trim()));
      if (from < 0 || to < 0) return undefined;
      const last = to ?? from;
      for (let n = 0; n <= (last + 7 - from) % 7; n += 1) {
        days[(from + n) % 7].push(...spans.split(",").map((span) => span.trim()));
      }
    }
  }
  return days;
}

/** The same as text, days that follow each other and have the same hours together. */
export function hours(days) {
  const rules = [];
  for (let n = 0; n < 7;) {
    let end = n;
    while (end < 6 && same(days[end + 1], days[n])) end += 1;
    if (days[n].length) rules.push(`${n === end ? DAYS[n] : `${DAYS[n]}-${DAYS[end]}`} ${days[n].join(", ")}`);
    n = end + 1;
  }
  return rules.join("; ");
}

/** Minutes since midnight of "09:00-20:00". */
export function minutes(span) {
  const [, h, m, H, M] = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(span) ?? [];
  return h === undefined ? undefined : [h * 60 + Number(m), H * 60 + Number(M)];
}

/** A value as TOML writes it. */
export function toml(value) {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (value && typeof value === "object") {
    return `{ ${Object.entries(value).map(([name, inner]) => `${name} = ${toml(inner)}`).join(", ")} }`;
  }
  return JSON.stringify(value);
}

export const dotted = (path) => path.map((part) => (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part))).join(".");
