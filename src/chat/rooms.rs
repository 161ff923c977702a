//! The chats that are open: each behind a lock of its own, so that its messages have one order; written before anybody hears of them.

use super::{
    MOST_A_MINUTE, MOST_OPEN,
    record::{By, Chat, Message, Opening, Refused, State, read},
};
use crate::{
    clock::Clock,
    control::{Handle, Tiding},
    engine::{
        Name,
        effect::{Client, Moment, Notice},
        number::Number,
        paper::{Paper, PaperKind},
        record::{CallbackId, Write},
        time::{Span, Wall},
    },
    store::{PaperQuery, StoreError},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex as Lock, PoisonError},
    time::Duration,
};
use thiserror::Error;
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast, broadcast::error::RecvError};

/// How often it is looked whether somebody waits in vain.
const LOOK: Duration = Duration::from_secs(1);
/// What is told and not heard yet; a slow listener reads the chat anew past it.
const MOST_TOLD: usize = 1024;
/// How many senders' ids of a chat are remembered.
const MOST_IDS: usize = 64;

/// What happens in chats.
#[derive(Clone, Debug)]
pub enum Told {
    /// It was opened, passed on, closed, seen.
    Changed(Arc<Chat>),
    /// Something was said.
    Said(Arc<Chat>, Arc<Message>),
    /// Somebody types.
    Types {
        /// In which chat.
        chat: String,
        /// Who.
        by: By,
    },
}

/// Why something was not done.
#[derive(Debug, Error)]
pub enum Trouble {
    /// There is no such chat.
    #[error("there is no such chat")]
    Unknown,
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There are too many.
    #[error("too many chats are open: call us, or ask for a callback")]
    Full,
    /// The store does not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All chats.
pub struct Chats {
    handle: Handle,
    clock: Clock,
    open: Lock<BTreeMap<String, Arc<Mutex<Room>>>>,
    told: broadcast::Sender<Told>,
}

struct Room {
    chat: Chat,
    /// The newest ids of senders, with what they sent.
    ids: VecDeque<Message>,
    /// When the visitor spoke in the last minute.
    pace: VecDeque<Wall>,
}

/// Which side of a chat somebody is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The visitor's.
    Visitor,
    /// The operators'.
    Operator,
}

impl Chats {
    /// Reads which chats are open, and looks after them from now on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(handle: Handle, clock: Clock) -> Result<Arc<Chats>, StoreError> {
        let query = PaperQuery { kind: Some(PaperKind::Chat), ..PaperQuery::default() };
        let kept = handle.store().papers(&query).await?;
        let open = kept.iter().filter_map(read::<Chat>).filter(|chat| chat.state == State::Open);
        let open = open.map(|chat| (chat.id.clone(), room(chat))).collect();
        let chats = Arc::new(Chats { handle, clock, open: Lock::new(open), told: broadcast::channel(MOST_TOLD).0 });
        tokio::spawn(chats.clone().follow_callbacks(chats.handle.listen()));
        tokio::spawn(chats.clone().look_after());
        Ok(chats)
    }

    /// What happens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Told> {
        self.told.subscribe()
    }

    fn now(&self) -> Wall {
        self.clock.now().wall
    }

    fn rooms(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Mutex<Room>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn enter(&self, id: &str) -> Result<OwnedMutexGuard<Room>, Trouble> {
        let room = self.rooms().get(id).cloned().ok_or(Trouble::Unknown)?;
        Ok(room.lock_owned().await)
    }

    async fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.handle.store().commit(writes).await
    }

    /// A visitor begins to write.
    ///
    /// # Errors
    /// Too many are open; the store takes no writes.
    pub async fn open(&self, id: String, opening: Opening) -> Result<Chat, Trouble> {
        if self.rooms().len() >= MOST_OPEN {
            return Err(Trouble::Full);
        }
        let chat = Chat::begin(id, opening, self.now());
        self.write(&[chat.write()]).await?;
        self.rooms().insert(chat.id.clone(), room(chat.clone()));
        let _ = self.told.send(Told::Changed(Arc::new(chat.clone())));
        Ok(chat)
    }

    /// A chat, whether it goes on or not.
    ///
    /// # Errors
    /// There is none; the store cannot be read.
    pub async fn chat(&self, id: &str) -> Result<Chat, Trouble> {
        if let Ok(room) = self.enter(id).await {
            return Ok(room.chat.clone());
        }
        let query = PaperQuery { kind: Some(PaperKind::Chat), id: Some(id.to_owned()), ..PaperQuery::default() };
        let kept = self.handle.store().papers(&query).await?;
        kept.first().and_then(read).ok_or(Trouble::Unknown)
    }

    /// The newest chats, the newest last: those that go on, or all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self, all: bool, number: Option<Number>, limit: usize) -> Result<Vec<Chat>, Trouble> {
        let mut chats: Vec<Chat> = if all || number.is_some() {
            let about = number.map(|number| number.to_string());
            let query = PaperQuery { kind: Some(PaperKind::Chat), about, limit: Some(limit), ..PaperQuery::default() };
            self.handle.store().papers(&query).await?.iter().filter_map(read).collect()
        } else {
            let rooms: Vec<_> = self.rooms().values().cloned().collect();
            let mut chats = Vec::new();
            for room in rooms {
                chats.push(room.lock().await.chat.clone());
            }
            chats
        };
        chats.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        Ok(chats.split_off(chats.len().saturating_sub(limit)))
    }

    /// What was said after this message.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn said(&self, id: &str, after: u32) -> Result<Vec<Message>, Trouble> {
        let about = Some(id.to_owned());
        let query = PaperQuery { kind: Some(PaperKind::Message), about, ..PaperQuery::default() };
        let mut said: Vec<Message> = self.handle.store().papers(&query).await?.iter().filter_map(read).collect();
        said.retain(|message| message.n > after);
        said.sort_by_key(|message| message.n);
        Ok(said)
    }

    /// The picture of a message, with its `Content-Type`.
    ///
    /// # Errors
    /// It has none; the store cannot be read.
    pub async fn picture(&self, id: &str, n: u32) -> Result<(&'static str, Vec<u8>), Trouble> {
        let kind = Some(PaperKind::Picture);
        let query = PaperQuery { kind, id: Some(format!("{id}-{n:06}")), ..PaperQuery::default() };
        let kept = self.handle.store().papers(&query).await?;
        let bytes = kept.first().and_then(|paper| super::picture::read(&paper.body)).ok_or(Trouble::Unknown)?;
        let kind = super::picture::Kind::of(&bytes).ok_or(Trouble::Unknown)?;
        Ok((kind.mime(), bytes))
    }

    /// Something is said. What is sent twice under one id is said once.
    ///
    /// # Errors
    /// It may not be; the store takes no writes, and nothing was said.
    pub async fn say(&self, id: &str, by: By, text: &str, sent: &str) -> Result<Message, Trouble> {
        self.put(id, by, sent, |chat, by, now| chat.say(by, text, sent, now).map(|message| (message, None))).await
    }

    /// A picture is shown, as [`Chats::say`].
    ///
    /// # Errors
    /// As there.
    pub async fn show(&self, id: &str, by: By, bytes: &[u8], sent: &str) -> Result<Message, Trouble> {
        self.put(id, by, sent, |chat, by, now| {
            let message = chat.show(by, bytes, sent, now)?;
            let (id, about) = (format!("{}-{:06}", chat.id, message.n), chat.id.clone());
            let body = super::picture::written(bytes);
            Ok((message, Some(Paper { kind: PaperKind::Picture, id, about, at: now, body })))
        })
        .await
    }

    async fn put(
        &self,
        id: &str,
        by: By,
        sent: &str,
        put: impl FnOnce(&mut Chat, By, Wall) -> Result<(Message, Option<Paper>), Refused>,
    ) -> Result<Message, Trouble> {
        let mut room = self.enter(id).await.map_err(|_| Refused::Over)?;
        if let Some(known) = room.ids.iter().find(|message| !sent.is_empty() && message.id == sent) {
            return Ok(known.clone());
        }
        let now = self.now();
        if by == By::Visitor {
            room.keep_pace(now)?;
            self.refuse_blocked(&mut room).await?;
        }
        let mut chat = room.chat.clone();
        let (message, picture) = put(&mut chat, by, now)?;
        let mut writes = vec![chat.write(), message.write(id)];
        writes.extend(picture.map(Write::Paper));
        self.write(&writes).await?;
        room.chat = chat;
        room.remember(&message);
        let _ = self.told.send(Told::Said(Arc::new(room.chat.clone()), Arc::new(message.clone())));
        Ok(message)
    }

    /// Who is not to be called is not to write either.
    async fn refuse_blocked(&self, room: &mut Room) -> Result<(), Trouble> {
        let Some(number) = room.chat.number else { return Ok(()) };
        if self.handle.store().block(number).await?.is_some() {
            self.change(room, |chat| chat.state = State::Blocked).await?;
            self.rooms().remove(&room.chat.id);
            return Err(Refused::Over.into());
        }
        Ok(())
    }

    async fn change(&self, room: &mut Room, change: impl FnOnce(&mut Chat)) -> Result<Chat, Trouble> {
        let mut chat = room.chat.clone();
        change(&mut chat);
        if chat != room.chat {
            self.write(&[chat.write()]).await?;
            room.chat = chat;
            let _ = self.told.send(Told::Changed(Arc::new(room.chat.clone())));
        }
        Ok(room.chat.clone())
    }

    /// Somebody types; told to who is there, and kept nowhere.
    ///
    /// # Errors
    /// There is no such chat that goes on.
    pub async fn types(&self, id: &str, by: By) -> Result<(), Trouble> {
        self.enter(id).await?;
        let _ = self.told.send(Told::Types { chat: id.to_owned(), by });
        Ok(())
    }

    /// Somebody has seen it up to this message.
    ///
    /// # Errors
    /// There is no such chat that goes on; the store takes no writes.
    pub async fn seen(&self, id: &str, side: Side, n: u32) -> Result<Chat, Trouble> {
        let mut room = self.enter(id).await?;
        self.change(&mut room, |chat| {
            let seen = match side {
                Side::Visitor => &mut chat.seen_by_visitor,
                Side::Operator => &mut chat.seen_by_operator,
            };
            *seen = (*seen).max(n.min(chat.last));
        })
        .await
    }

    /// It is another operator's from now on.
    ///
    /// # Errors
    /// There is no such chat that goes on; the store takes no writes.
    pub async fn pass(&self, id: &str, to: Name) -> Result<Chat, Trouble> {
        let mut room = self.enter(id).await?;
        self.change(&mut room, |chat| chat.operator = Some(to)).await
    }

    /// The visitor has asked for a callback in it.
    ///
    /// # Errors
    /// There is no such chat that goes on; the store takes no writes.
    pub async fn asked(&self, id: &str, number: Number, callback: CallbackId) -> Result<Chat, Trouble> {
        let mut room = self.enter(id).await?;
        self.change(&mut room, |chat| (chat.number, chat.callback) = (Some(number), Some(callback))).await
    }

    /// It is over: [`State::Closed`] or [`State::Blocked`].
    ///
    /// # Errors
    /// There is no such chat that goes on; the store takes no writes.
    pub async fn end(&self, id: &str, state: State) -> Result<Chat, Trouble> {
        let mut room = self.enter(id).await?;
        let ended = self.change(&mut room, |chat| chat.state = state).await?;
        self.rooms().remove(id);
        Ok(ended)
    }

    /// A chat goes with the call: whoever talks with the client has it, and whom they transfer the client to.
    async fn follow_callbacks(self: Arc<Chats>, mut tidings: broadcast::Receiver<Tiding>) {
        loop {
            match tidings.recv().await {
                Ok(Tiding::Notice(_, notice)) => match &*notice {
                    Notice::AtOperator { operators, moment: Moment::Talks, client: Some(client) } => {
                        if let [operator] = &operators[..] {
                            self.pass_with(client, operator).await;
                        }
                    }
                    Notice::Forgotten(number) => self.forget(*number).await,
                    _ => {}
                },
                Ok(Tiding::Alarm(..)) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// With the callback that was asked for, or with a call of that number.
    async fn pass_with(&self, client: &Client, operator: &Name) {
        let number = match client {
            Client::Callback(record) => Some(record.number),
            Client::Call(record) => record.number,
        };
        let rooms: Vec<_> = self.rooms().values().cloned().collect();
        for room in rooms {
            let mut room = room.lock().await;
            if number.is_some() && room.chat.number == number {
                // What cannot be written now stays as it was: the next talk passes it on.
                let _ = self.change(&mut room, |chat| chat.operator = Some(operator.clone())).await;
            }
        }
    }

    /// The chats of a client who is forgotten are over, and what was written of them since goes too.
    async fn forget(&self, number: Number) {
        let rooms: Vec<_> = self.rooms().values().cloned().collect();
        for room in rooms {
            let mut room = room.lock().await;
            if room.chat.number != Some(number) {
                continue;
            }
            let id = room.chat.id.clone();
            self.rooms().remove(&id);
            // Whoever waits for the lock finds nobody in it.
            room.chat.forget();
            room.ids.clear();
            let _ = self.told.send(Told::Changed(Arc::new(room.chat.clone())));
            let query = PaperQuery { about: Some(id.clone()), ..PaperQuery::default() };
            let said = self.handle.store().papers(&query).await.unwrap_or_default();
            let papers = said.into_iter().map(|paper| (paper.kind, paper.id)).chain([(PaperKind::Chat, id)]);
            let writes: Vec<Write> = papers.map(|(kind, id)| Write::Discard { kind, id }).collect();
            let _ = self.write(&writes).await;
        }
    }

    /// Offers callbacks to who waits in vain, and closes what is silent.
    async fn look_after(self: Arc<Chats>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let rooms: Vec<_> = self.rooms().values().cloned().collect();
            for room in rooms {
                let mut room = room.lock_owned().await;
                // The store may take no writes for a while: then the next look does it.
                let _ = self.look_into(&mut room).await;
            }
        }
    }

    async fn look_into(&self, room: &mut Room) -> Result<(), Trouble> {
        let now = self.now();
        if room.chat.is_stale(now) {
            let ended = self.change(room, |chat| chat.state = State::Closed).await?;
            self.rooms().remove(&ended.id);
            return Ok(());
        }
        let mut chat = room.chat.clone();
        if let Some(offer) = chat.offer(now) {
            self.write(&[chat.write(), offer.write(&chat.id)]).await?;
            room.chat = chat;
            let _ = self.told.send(Told::Said(Arc::new(room.chat.clone()), Arc::new(offer)));
        }
        Ok(())
    }
}

fn room(chat: Chat) -> Arc<Mutex<Room>> {
    Arc::new(Mutex::new(Room { chat, ids: VecDeque::new(), pace: VecDeque::new() }))
}

impl Room {
    fn keep_pace(&mut self, now: Wall) -> Result<(), Refused> {
        const MINUTE: Span = Span::seconds(60);
        while self.pace.front().is_some_and(|at| now >= *at + MINUTE) {
            self.pace.pop_front();
        }
        if self.pace.len() >= MOST_A_MINUTE {
            return Err(Refused::Fast);
        }
        self.pace.push_back(now);
        Ok(())
    }

    fn remember(&mut self, message: &Message) {
        if self.ids.len() == MOST_IDS {
            self.ids.pop_front();
        }
        self.ids.push_back(message.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control::{Desk, desk},
        engine::{
            record::{BlockRecord, Blocked, CallbackRecord, CallbackState, Origin},
            rules::Rules,
        },
        store::{Memory, Store},
    };

    const CLIENT: &str = "+79161234567";

    fn shelf() -> Arc<dyn Store> {
        Arc::new(Lock::new(Memory::new(1, Wall(0))))
    }

    async fn house(store: &Arc<dyn Store>) -> (Arc<Chats>, Desk) {
        let (handle, desk) = desk(store.clone(), Arc::new(Rules::default()));
        (Chats::start(handle, Clock::system()).await.unwrap(), desk)
    }

    fn opening(asked: Option<(Number, CallbackId)>) -> Opening {
        Opening {
            key: "k".into(),
            site: "shop".into(),
            line: "site".into(),
            name: "Ольга\u{7}".into(),
            page: "https://shop.example/teapots".into(),
            referrer: String::new(),
            address: "192.0.2.1".into(),
            asked,
        }
    }

    fn callback(number: Number) -> CallbackRecord {
        CallbackRecord {
            id: CallbackId(7),
            number,
            name: String::new(),
            line: "site".into(),
            origin: Origin::Web { site: "shop".into() },
            opened: Wall(0),
            last_miss: Wall(0),
            misses: 1,
            state: CallbackState::Active,
            due: Wall(0),
            expires: Wall(0),
            attempts: 1,
            spent: 0,
            setbacks: 0,
            last: None,
            marks: Box::default(),
            wanted: true,
        }
    }

    fn anna() -> By {
        By::Operator("anna".into())
    }

    #[tokio::test]
    async fn nothing_is_lost_by_a_restart_and_nothing_is_said_twice() {
        let store = shelf();
        let (chats, _desk) = house(&store).await;
        let chat = chats.open("c".into(), opening(None)).await.unwrap();
        assert_eq!(chat.name, "Ольга");
        let mut told = chats.listen();
        let first = chats.say("c", By::Visitor, "how much is it?", "1").await.unwrap();
        assert!(matches!(told.try_recv(), Ok(Told::Said(chat, said)) if chat.last == 1 && *said == first));
        assert_eq!(chats.say("c", By::Visitor, "how much is it?", "1").await.unwrap(), first, "sent again");
        chats.show("c", anna(), b"\x89PNG\r\n\x1a\nabc", "").await.unwrap();

        let (chats, _desk) = house(&store).await;
        let said: Vec<String> = chats.said("c", 0).await.unwrap().into_iter().map(|said| said.text).collect();
        assert_eq!(said, ["how much is it?", ""]);
        assert_eq!(chats.picture("c", 2).await.unwrap(), ("image/png", b"\x89PNG\r\n\x1a\nabc".to_vec()));
        assert!(chats.picture("c", 1).await.is_err());
        assert_eq!(chats.say("c", By::Visitor, "thanks", "2").await.unwrap().n, 3);
        assert_eq!(chats.chat("c").await.unwrap().operator.as_deref(), Some("anna"));
    }

    #[tokio::test]
    async fn who_is_forgotten_has_no_chat_any_more_and_others_have_theirs() {
        let store = shelf();
        let (chats, desk) = house(&store).await;
        let number: Number = CLIENT.parse().unwrap();
        chats.open("c".into(), opening(Some((number, CallbackId(1))))).await.unwrap();
        chats.open("d".into(), opening(None)).await.unwrap();
        chats.say("c", By::Visitor, "hello", "").await.unwrap();
        // As the daemon does: the store forgets, and everybody hears of it. What was said meanwhile goes as well.
        store.commit(&[Write::Forget(number)]).await.unwrap();
        chats.say("c", By::Visitor, "hello?", "").await.unwrap();
        let mut told = chats.listen();
        desk.notice(Wall(0), &Notice::Forgotten(number));
        let told = told.recv().await.unwrap();
        assert!(
            matches!(&told, Told::Changed(chat) if chat.number.is_none() && chat.state == State::Closed),
            "{told:?}"
        );
        assert!(matches!(chats.say("c", By::Visitor, "hello?", "").await, Err(Trouble::Refused(Refused::Over))));
        while !store.papers(&PaperQuery { about: Some("c".into()), ..PaperQuery::default() }).await.unwrap().is_empty()
        {
            tokio::task::yield_now().await;
        }
        let left = store.papers(&PaperQuery::default()).await.unwrap();
        assert_eq!(left.iter().map(|paper| &*paper.id).collect::<Vec<_>>(), ["d"]);
    }

    #[tokio::test]
    async fn who_is_not_to_be_called_does_not_write_either() {
        let store = shelf();
        let (chats, _desk) = house(&store).await;
        let number: Number = CLIENT.parse().unwrap();
        chats.open("c".into(), opening(Some((number, CallbackId(1))))).await.unwrap();
        chats.say("c", By::Visitor, "hello", "").await.unwrap();
        let block = BlockRecord { number, at: Wall(0), why: Blocked::Person { by: "boss".into() } };
        store.commit(&[Write::Block(block)]).await.unwrap();
        assert!(matches!(chats.say("c", By::Visitor, "hello?", "").await, Err(Trouble::Refused(Refused::Over))));
        assert_eq!(chats.chat("c").await.unwrap().state, State::Blocked);
        assert!(chats.list(false, None, 10).await.unwrap().is_empty());
        assert_eq!(chats.list(false, Some(number), 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_visitor_who_floods_is_told_to_wait() {
        let store = shelf();
        let (chats, _desk) = house(&store).await;
        chats.open("c".into(), opening(None)).await.unwrap();
        for _ in 0..MOST_A_MINUTE {
            chats.say("c", By::Visitor, "!", "").await.unwrap();
        }
        assert!(matches!(chats.say("c", By::Visitor, "!", "").await, Err(Trouble::Refused(Refused::Fast))));
        chats.say("c", anna(), "calm down", "").await.unwrap();
    }

    #[tokio::test]
    async fn a_chat_goes_with_the_call_and_to_whom_it_is_passed() {
        let store = shelf();
        let (chats, desk) = house(&store).await;
        let number: Number = CLIENT.parse().unwrap();
        chats.open("c".into(), opening(Some((number, CallbackId(7))))).await.unwrap();
        let mut told = chats.listen();
        let at = |moment, operator: &str, number| Notice::AtOperator {
            operators: vec![operator.into()],
            moment,
            client: Some(Box::new(Client::Callback(callback(number)))),
        };
        desk.notice(Wall(0), &at(Moment::Rings, "vera", number));
        desk.notice(Wall(0), &at(Moment::Talks, "vera", "+79161234568".parse().unwrap()));
        desk.notice(Wall(0), &at(Moment::Talks, "boris", number));
        let Ok(Told::Changed(chat)) = told.recv().await else { panic!() };
        assert_eq!(chat.operator.as_deref(), Some("boris"));
        desk.notice(Wall(0), &at(Moment::Talks, "gleb", number));
        let Ok(Told::Changed(chat)) = told.recv().await else { panic!() };
        assert_eq!(chat.operator.as_deref(), Some("gleb"), "the client was transferred");
        assert_eq!(chats.pass("c", "anna".into()).await.unwrap().operator.as_deref(), Some("anna"));
        assert!(matches!(chats.pass("x", "anna".into()).await, Err(Trouble::Unknown)));
    }
}
