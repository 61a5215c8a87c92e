"""Checks the batches of a large input in several processes; their results come in the order of the input.

The processes are forked, so that the input is in memory once. This process checks batches too whenever the others have
enough to do, and all of them where there are no others: for a small input, on one CPU, or if they have died.
"""

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context, parent_process
from typing import Any, Final, NamedTuple

from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.document_splitter import Cut
from sync_operator.commands.manifests.yaml_reader import Piece
from sync_operator.commands.validate.batches import Batch, Judge, Results, cut_batches
from sync_operator.commands.validate.packed_results import PackedResults, pack, unpack

__all__ = ["judge_batches"]

_MIN_CHARACTERS: Final = 2_000_000
"""Size of an input for which starting a process is worth its time."""
_MAX_PROCESSES: Final = 2
"""Each takes memory; two of them and 60,000 Syncs take less than 300 MB."""
_ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM})
_BATCHES_AHEAD: Final = 4
"""Batches that a process is given at once: with two it waits for the next, as this process is slow to hand it over."""
_SIGNAL_CHECK_SECONDS: Final = 0.1
"""While a result is waited for, signals are handled this often."""


class _Work(NamedTuple):
    """What a forked process has of its parent: the input, and what the checks depend on."""

    sources: Sequence[Source]
    judge: Judge


_work: Final[list[_Work]] = []
"""In a forked process: its work."""


def judge_batches(sources: Sequence[Source], judge: Judge) -> Iterator[Results]:
    """Check an input batch by batch; yields the results in its order."""
    with _pool(_Work(sources, judge)) as pool:
        run = _Run(sources, judge, pool)
        for batch in cut_batches(sources):
            run.begin(batch)
            yield from run.finished(block=False)
        yield from run.finished(block=True)


class _Run:
    """The batches that are begun, and those of which the results are waited for."""

    def __init__(self, sources: Sequence[Source], judge: Judge, pool: ProcessPoolExecutor | None) -> None:
        self._sources = sources
        self._judge = judge
        self._pool = pool
        self._waiting: deque[tuple[Batch, Future[PackedResults] | Results]] = deque()
        self._failed: Cut | None = None
        """A List whose items are read together."""

    def begin(self, batch: Batch) -> None:
        """Give a batch to another process, or check it here if none has room for it."""
        if not self._is_read(batch):
            self._waiting.append((batch, self._submit(batch) or self._here(batch)))

    def finished(self, *, block: bool) -> Iterator[Results]:
        """The results that are next in order: those that are there, or with ``block`` all."""
        while self._waiting:
            batch, held = self._waiting[0]
            if isinstance(held, Future) and not (block or _is_done(held)):
                return
            self._waiting.popleft()
            if self._is_read(batch):
                continue
            results = self._result(batch, held) if isinstance(held, Future) else held
            yield results
            if results.failed_at is not None:
                piece = batch.pieces[results.failed_at]
                self._failed = piece.listed
                yield self._judge.judge_rest(self._sources[batch.number], piece)

    def _is_read(self, batch: Batch) -> bool:
        """True for items of a List that have been read together."""
        return self._failed is not None and any(piece.listed is self._failed for piece in batch.pieces[:1])

    def _here(self, batch: Batch) -> Results:
        # pydantic would drop an exception that a signal handler raises in the middle of it, such as KeyboardInterrupt.
        with _signals_held() if batch.is_small else nullcontext():
            return self._judge.judge(self._sources[batch.number], batch.pieces, batch.error)

    def _submit(self, batch: Batch) -> Future[PackedResults] | None:
        running = sum(isinstance(held, Future) and not _is_done(held) for _, held in self._waiting)
        if self._pool is None or not batch.pieces or running >= _BATCHES_AHEAD * (_process_count() - 1):
            return None
        cuts = [
            (cut.start, cut.end, cut.line, cut.column, cut.is_json) for cut in (piece.cut for piece in batch.pieces)
        ]
        try:
            # The process that this forks has no handlers of its own at first.
            with _signals_held():
                return self._pool.submit(_judge_cuts, batch.number, batch.pieces[0].head, cuts)
        except (BrokenProcessPool, OSError):  # it has died, or the system allows no further process
            self._pool = None
            return None

    def _result(self, batch: Batch, future: Future[PackedResults]) -> Results:
        try:
            packed = _result(future)
        except BrokenProcessPool:
            self._pool = None
            return self._here(batch)
        return unpack(packed, self._sources[batch.number], batch.pieces[0].head)


@contextmanager
def _pool(work: _Work) -> Iterator[ProcessPoolExecutor | None]:
    """The other processes, which end with the block; None if there are to be none. They start with the first batch."""
    size = sum(len(source.text) for source in work.sources)
    # A process with threads cannot be forked safely; on macOS none can.
    if size < _MIN_CHARACTERS or _process_count() == 1 or sys.platform != "linux" or threading.active_count() > 1:
        yield None
        return
    pool = ProcessPoolExecutor(
        _process_count() - 1, mp_context=get_context("fork"), initializer=_start, initargs=(work,)
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _is_done(future: Future[PackedResults]) -> bool:
    with _signals_held():
        return future.done()


def _result(future: Future[PackedResults]) -> PackedResults:
    """Wait for a result.

    Raises:
        BrokenProcessPool: the process has died.
    """
    while True:
        with _signals_held():
            if wait([future], _SIGNAL_CHECK_SECONDS).done:
                return future.result()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Handle the signals that end this process after the block.

    An exception that a handler raises while a lock of the pool is taken or released leaves it locked, and the pool
    would never end.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _process_count() -> int:
    return min(os.process_cpu_count() or 1, _MAX_PROCESSES)


def _start(work: _Work) -> None:
    """Prepare a forked process."""
    _work.append(work)
    # Ctrl-C is sent to all processes of a terminal. The parent handles it, and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent has been killed, which does not end it by itself."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _judge_cuts(
    number: int, head: Mapping[str, Any] | None, cuts: Sequence[tuple[int, int, int, int, bool]]
) -> PackedResults:
    """Check a batch in a forked process."""
    sources, judge = _work[0]
    source = sources[number]
    return pack(judge.judge(source, (Piece(Cut(source.text, *cut), head) for cut in cuts)))
