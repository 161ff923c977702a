-- What people and other systems leave beside calls and callbacks: requests of web sites, chats, notes, settings, deliveries.
CREATE TABLE papers (
    kind  TEXT    NOT NULL,                   -- request, chat, message, note, settings, outgoing, done
    id    TEXT    NOT NULL,
    about TEXT    NOT NULL,                   -- a number in E.164, a chat, a receiver; empty: nothing
    at    INTEGER NOT NULL,
    body  TEXT    NOT NULL,                   -- JSON
    PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX papers_by_time ON papers (kind, at, id);
CREATE INDEX papers_about ON papers (about, kind, at, id) WHERE about <> '';
