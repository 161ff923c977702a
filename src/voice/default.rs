//! The sentences that are said when the configuration gives none.

use crate::engine::rules::{Announcements, Language, QueueWords};

/// What the operator hears before the client's phone rings: first why, then who.
pub fn announce_operator(language: Language) -> Announcements {
    let (missed, requested, repeated, who) = match language {
        Language::Ru => (
            "Пропущенный вызов",
            "Просят перезвонить",
            "Повторный звонок, попытка {{ attempt }}",
            "{{ campaign or source or line }}{% if client %}, {{ client }}{% endif %}, номер {{ number | spoken }}. \
             {% if key %}Нажмите {{ key }}, чтобы принять.{% else %}Соединяю.{% endif %}",
        ),
        Language::En => (
            "Missed call",
            "Call back requested",
            "Calling again, attempt {{ attempt }}",
            "{{ campaign or source or line }}{% if client %}, {{ client }}{% endif %}, number {{ number | spoken }}. \
             {% if key %}Press {{ key }} to take it.{% else %}Connecting.{% endif %}",
        ),
    };
    let [missed, requested, repeated] = [missed, requested, repeated].map(|why| format!("{why}, {who}").into());
    Announcements { missed, requested, repeated }
}

/// What the client hears before the operator.
pub const fn announce_client(language: Language) -> &'static str {
    match language {
        Language::Ru => {
            "Здравствуйте{% if misses %}, вы нам звонили{% endif %}. Соединяю с оператором.{% if key %} Чтобы вам позвонили \
             позже, нажмите {{ key }}.{% endif %}"
        }
        Language::En => {
            "Hello{% if misses %}, you called us{% endif %}. Connecting you now.{% if key %} To be called later, press \
             {{ key }}.{% endif %}"
        }
    }
}

/// What a client hears for whom no operator came, or who pressed the key to be called later; then they are hung up.
pub const fn goodbye(language: Language) -> &'static str {
    match language {
        Language::Ru => {
            "{% if key %}Мы позвоним вам позже.{% else %}Извините, все операторы сейчас заняты.{% endif %} До свидания."
        }
        Language::En => {
            "{% if key %}We will call you later.{% else %}We are sorry, all operators are busy now.{% endif %} Goodbye."
        }
    }
}

/// What the operator hears when the client was not reached; the cases are [`crate::engine::record::Outcome::as_str`].
pub const fn ended(language: Language) -> &'static str {
    match language {
        Language::Ru => {
            "{% if outcome == 'busy' %}У клиента занято.{% elif outcome == 'no-answer' %}Клиент не отвечает.\
             {% elif outcome == 'invalid' %}Такого номера нет.{% elif outcome == 'declined' %}Клиент отклонил вызов.\
             {% elif outcome == 'machine' %}У клиента ответил автоответчик.{% elif outcome == 'network' %}С клиентом нет \
             связи.{% elif outcome == 'cancelled' %}Звонок больше не нужен.{% else %}Соединить не удалось.{% endif %}"
        }
        Language::En => {
            "{% if outcome == 'busy' %}The client is busy.{% elif outcome == 'no-answer' %}The client does not answer.\
             {% elif outcome == 'invalid' %}There is no such number.{% elif outcome == 'declined' %}The client declined \
             the call.{% elif outcome == 'machine' %}A machine answered for the client.{% elif outcome == 'network' %}The \
             client cannot be reached.{% elif outcome == 'cancelled' %}The call is not needed any more.\
             {% else %}The call could not be connected.{% endif %}"
        }
    }
}

/// What callers of a queue hear.
pub fn queue_words(language: Language) -> QueueWords {
    let [place, confirm, type_number, no_number, thanks, voicemail, goodbye] = match language {
        Language::Ru => [
            "{% if position %}Вы {{ position | ordinal }} в очереди.{% endif %}{% if wait %} Ответим примерно через {{ wait | \
             minutes }}.{% endif %}",
            "Мы перезвоним вам на номер {{ number | spoken }}. Если это верно, нажмите 1. Чтобы набрать другой номер, \
             нажмите 2.",
            "Наберите номер, по которому вам позвонить, и нажмите решётку.",
            "По этому номеру мы позвонить не можем. Наберите другой и нажмите решётку.",
            "Спасибо. Ваше место в очереди сохранено, мы вам перезвоним. До свидания.",
            "Оставьте сообщение после сигнала.",
            "Спасибо за звонок. До свидания.",
        ],
        Language::En => [
            "{% if position %}You are {{ position | ordinal }} in line.{% endif %}{% if wait %} The wait is about {{ wait | \
             minutes }}.{% endif %}",
            "We will call you back at {{ number | spoken }}. If that is right, press 1. To type another number, press 2.",
            "Type the number at which we shall call you, then press the hash key.",
            "That is not a number that we can call. Type another, then press the hash key.",
            "Thank you. Your place in line is kept, and we will call you. Goodbye.",
            "Leave a message after the tone.",
            "Thank you for calling. Goodbye.",
        ],
    }
    .map(Into::into);
    QueueWords { place, confirm, type_number, no_number, thanks, voicemail, goodbye }
}
