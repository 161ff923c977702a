//! Numbers that are never dialled: struck off, do not call, blocked by a person. Their calls are not missed. One that was said
//! not to exist is dialled again once it has called.

use super::{
    machine::{Cx, Engine},
    number::Number,
    record::{BlockRecord, Blocked, CloseReason, Write},
    time::Wall,
};

impl Engine {
    /// Never dial this number again. The first reason stays, but for one that a call may refute.
    pub(super) fn block(&mut self, number: Number, why: Blocked, cx: &mut Cx) {
        if self.blocked.get(&number).is_some_and(|block| block.why != Blocked::Invalid || why == Blocked::Invalid) {
            return;
        }
        let block = BlockRecord { number, at: cx.now.wall, why };
        cx.write(Write::Block(block.clone()));
        self.blocked.insert(number, block);
    }

    pub(super) fn block_by_hand(&mut self, number: Number, by: String, cx: &mut Cx) {
        self.block(number, Blocked::Person { by: by.clone() }, cx);
        if let Some(id) = self.open.get(&number).copied() {
            self.close(id, CloseReason::Cancelled { by }, cx);
        }
    }

    /// A number that calls exists, whatever a network said of it before.
    pub(super) fn exists(&mut self, number: Number, called: Wall, cx: &mut Cx) {
        let refuted = |block: &BlockRecord| block.why == Blocked::Invalid && block.at <= called;
        if self.blocked.get(&number).is_some_and(refuted) {
            self.unblock(number, cx);
        }
    }

    pub(super) fn unblock(&mut self, number: Number, cx: &mut Cx) {
        if self.blocked.remove(&number).is_some() {
            cx.write(Write::Unblock(number));
        }
    }
}
