"""Lessons on screen: cards that open them, and the question of the open one above the run."""

from collections import defaultdict

import streamlit as st

from playground.lessons import LESSONS, Lesson
from playground.ui.session import handle

LESSON = "lesson"
"""The word of the address bar that names the open lesson."""
TRAIN = "app_pages/train.py"
COMPACT = """<style>
.st-key-lesson { padding: 0.25rem 0.8rem 0.4rem }
.st-key-lesson p { font-size: 0.92rem; line-height: 1.35 }
.st-key-lesson [data-testid="stButtonGroup"] button { padding-top: 0.1rem; padding-bottom: 0.1rem; min-height: 1.7rem }
@media (max-width: 640px) { .st-key-lesson > div > .stHorizontalBlock { flex-wrap: wrap } }
</style>"""
"""With the question above them, the layers' cards are still on one screen with the run."""


def lesson_cards() -> None:
    """All lessons by topic; each opens the Train page with its experiment and its question."""
    topics: dict[str, list[Lesson]] = defaultdict(list)
    for lesson in LESSONS.values():
        topics[lesson.topic].append(lesson)
    for topic, lessons in topics.items():
        st.markdown(f"#### {topic}")
        with st.container(horizontal=True, gap="small", key=f"topic-{lessons[0].name}"):
            for lesson in lessons:
                with st.container(border=True, width=300, gap="xxsmall", height="stretch", key=f"card-{lesson.name}"):
                    st.markdown(f"**{lesson.title}**")
                    st.markdown(lesson.question)
                    st.page_link(
                        TRAIN,
                        label="Open",
                        icon=":material/play_circle:",
                        query_params=lesson.address(),
                        help=f"Opens '{lesson.title}' on the Train page.",
                    )


def lesson_panel() -> None:
    """The question of the open lesson; an answer, or the first step, shows what to notice."""
    lesson = LESSONS.get(st.query_params.get(LESSON, ""))
    with st.container():  # also without a lesson, so that what follows stays what it is when it is closed
        if lesson is not None:
            _question(lesson)


def _question(lesson: Lesson) -> None:
    answer = f"lesson-answer-{lesson.name}"
    told = _told(lesson, st.session_state.get(answer))
    with st.container(border=True, gap="xxsmall", key="lesson"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
            words = _reply(lesson, st.session_state.get(answer)) if told else lesson.question
            st.markdown(f":material/school: **{lesson.title}** · {words}", width="stretch")
            following = _after(lesson)
            if following is not None:
                st.page_link(
                    TRAIN,
                    label="Next",
                    icon=":material/arrow_forward:",
                    query_params=following.address(),
                    help=f"The next lesson: {following.title}.",
                )
            st.button(
                "Close",
                icon=":material/close:",
                type="tertiary",
                key="lesson-close",
                help="Closes the lesson; the experiment stays.",
                on_click=_close,
            )
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            given = st.pills(
                "Your answer",
                range(len(lesson.choices)),
                format_func=lambda number: lesson.choices[number],
                key=answer,
                label_visibility="collapsed",
                width="content",
            )
            if not told:
                st.markdown(_reply(lesson, given))
    st.html(COMPACT)


def _close() -> None:
    del st.query_params[LESSON]


def _after(lesson: Lesson) -> Lesson | None:
    names = list(LESSONS)
    place = names.index(lesson.name) + 1
    return LESSONS[names[place]] if place < len(names) else None


def _told(lesson: Lesson, given: int | None) -> bool:
    """Whether what is to be noticed is said, which takes the question's place."""
    return given is not None and lesson.notice in _reply(lesson, given)


def _reply(lesson: Lesson, given: int | None) -> str:
    """What stands below the choices: what to do, or what to notice once the run has begun."""
    run = handle()
    epochs = "1 epoch" if lesson.epochs == 1 else f"{lesson.epochs} epochs"
    if given is None:
        return f"Choose an answer, then press Play and watch {epochs}."
    if run.playing:
        return f"You say: {lesson.choices[given]}. Watch {epochs}, then press Pause."
    if not run.snapshot.header.get("step") and run.snapshot.header["status"] != "diverged":
        return f"You say: {lesson.choices[given]}. Press Play and watch {epochs}."
    verdict = "Right" if given == lesson.right else f"It is: {lesson.choices[lesson.right]}"
    return f"**{verdict}.** {lesson.notice}"
