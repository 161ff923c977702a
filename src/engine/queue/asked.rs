//! Call me back: at which number?

use super::super::{
    effect::Facts,
    machine::{Cx, Engine},
    number::Number,
    record::{ChannelId, Left},
    rules::{Heard, Key, Then, Way},
};
use super::{DIGIT, Hears};
use uuid::Uuid;

/// How often a question is asked.
const MOST_ASKED: u32 = 3;
/// How many digits a number may have that is typed.
const MOST_TYPED: usize = 20;

impl Engine {
    /// A key is pressed by a caller.
    pub(in super::super) fn caller_pressed(&mut self, id: &ChannelId, key: Key, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        match waiter.hears.clone() {
            Hears::Greeting | Hears::Music(_) | Hears::Tone | Hears::Words => {
                let way = waiter.line.queue.keys.iter().find(|(known, _)| *known == key).map(|(_, way)| way.clone());
                match way {
                    Some(way) if way.then == Then::CallBack && way.say.is_none() => self.ask_number(id, cx),
                    Some(way) => self.leave(id, Left::Key, way, cx),
                    None => {}
                }
            }
            Hears::Confirming(number) if key.sign() == '1' => self.call_back(id, number, cx),
            Hears::Confirming(_) if key.sign() == '2' => self.ask_to_type(id, cx),
            Hears::Typing(typed) => self.typed(id, typed, key, cx),
            _ => {}
        }
    }

    pub(super) fn ask_number(&mut self, id: &ChannelId, cx: &mut Cx) {
        match self.caller(id).and_then(|caller| caller.record.number) {
            Some(number) if self.may_be_asked_for(number) => self.confirm(id, number, cx),
            _ => self.ask_to_type(id, cx),
        }
    }

    pub(super) fn confirm(&mut self, id: &ChannelId, number: Number, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        waiter.asked += 1;
        if waiter.asked > MOST_ASKED {
            return self.wait_on(id, cx);
        }
        let words = Heard::Text(waiter.line.queue.words.confirm.clone());
        let facts = Facts { number: number.to_string(), ..Facts::default() };
        self.tell(id, Hears::Confirming(number), &words, facts, cx);
    }

    pub(super) fn ask_to_type(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        waiter.asked += 1;
        if waiter.asked > MOST_ASKED {
            return self.wait_on(id, cx);
        }
        let words = Heard::Text(waiter.line.queue.words.type_number.clone());
        self.tell(id, Hears::Typing(String::new()), &words, Facts::default(), cx);
    }

    /// One more key of a number that is typed; a hash ends it.
    pub(super) fn typed(&mut self, id: &ChannelId, mut typed: String, key: Key, cx: &mut Cx) {
        if key.sign() == '#' {
            return self.typed_all(id, &typed, cx);
        }
        if typed.len() < MOST_TYPED && key.sign().is_ascii_digit() {
            typed.push(key.sign());
        }
        // Who types does not need to hear the rest.
        let deadline = Some(cx.now.mono + DIGIT);
        self.ear(id, Hears::Typing(typed), Uuid::nil(), deadline, cx);
    }

    pub(super) fn typed_all(&mut self, id: &ChannelId, typed: &str, cx: &mut Cx) {
        match Number::parse(typed, &self.rules.country).ok().filter(|number| self.may_be_asked_for(*number)) {
            Some(number) => self.confirm(id, number, cx),
            None => {
                let Some(waiter) = self.waiter(id) else { return };
                waiter.asked += 1;
                if waiter.asked > MOST_ASKED {
                    return self.wait_on(id, cx);
                }
                let words = Heard::Text(waiter.line.queue.words.no_number.clone());
                self.tell(id, Hears::Typing(String::new()), &words, Facts::default(), cx);
            }
        }
    }

    /// May anybody have us call this number? Not one that is blocked, nor one that costs the caller's whim.
    pub(super) fn may_be_asked_for(&self, number: Number) -> bool {
        !self.blocked.contains_key(&number) && number.is_ordinary_in(&self.rules.country)
    }

    /// The question is not answered: the caller waits as before. Whom their way has taken out of the queue is let go.
    pub(super) fn wait_on(&mut self, id: &ChannelId, cx: &mut Cx) {
        let has_left =
            self.caller_at(id).and_then(|caller| caller.record.queue.as_ref()).is_some_and(|q| q.left.is_some());
        let Some(waiter) = self.waiter(id) else { return };
        waiter.asked = 0;
        let group = waiter.line.group.clone();
        if has_left {
            return self.tell_goodbye(id, cx);
        }
        self.dirty.insert(group);
        self.company(id, cx);
    }

    /// The caller is to be called back, in the place that they have.
    pub(super) fn call_back(&mut self, id: &ChannelId, number: Number, cx: &mut Cx) {
        let Some(caller) = self.caller_at(id) else { return };
        let Some(waiter) = caller.waiter.as_ref() else { return };
        let (line, since) = (waiter.line.clone(), waiter.since);
        let record = caller.record.clone();
        let thanks = Heard::Text(line.queue.words.thanks.clone());
        let callback = self.open_in_place(number, &record, &line, since, cx);
        if let Some(caller) = self.caller(id) {
            caller.record.callback = Some(callback);
        }
        let way = Way { say: Some(thanks), then: Then::Goodbye, callback: true };
        self.leave(id, Left::CallBack, way, cx);
    }
}
