"""What a checkpoint of 256 MiB costs the training loop."""
import shutil

from harness.compare import Row, Turn, interleave, judged
from harness.contender import Contender

LESS, INTERVAL = 30, 10  # times; seconds between two saves


def measure(context):
    folder = context.scratch / "checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [context.program("checkpoint_bench"), context.experiment("state_256mib"), folder]
    with Contender(command) as ours, Contender(context.peer("torch_save.py", folder, ours.facts["bytes"])) as peer:
        hold, written, cpu, saved = interleave([Turn(ours, (what,), 1) for what in ("hold", "written", "cpu")] + [Turn(peer, (), 1)],
                                               context.pairs, context.seconds)
        rows = [judged("checkpoint 256 MiB, loop held", hold, saved, LESS, unit="ms", peer_name="torch.save + fsync"),
                Row("checkpoint 256 MiB, until on disk", f"{written.text(1e3)} ms"),
                Row("checkpoint 256 MiB, CPU time in the background", f"{cpu.text(1e3)} ms")]
        rows.append(throughput_loss(context, ours))
    shutil.rmtree(folder)
    print(*rows, sep="\n", flush=True)
    return rows


def throughput_loss(context, ours):
    """Steps of one interval, with and without a save at its start."""
    steps = Turn(ours, ("steps",))
    steps.calibrate(INTERVAL)
    saving = Turn(ours, ("steps_and_save",), steps.repetitions)
    plain, with_save = interleave([steps, saving], 2 if context.quick else max(3, context.pairs // 2), INTERVAL)
    loss = 100 * (with_save.median / plain.median - 1)
    return Row(f"throughput with a save each {INTERVAL} s", f"{with_save.text(1e3)} ms a step",
               f"without: {plain.text(1e3)} ms a step", f"{loss:.1f} % lost", "", "")
