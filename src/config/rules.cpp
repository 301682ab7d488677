#include "config/rules.h"

namespace trireme::config {

// What a parameter server cannot do, or not in every mode.
static void check_servers(const Experiment& e, const Sections& s) {
  const ExchangeConfig& x = e.exchange;
  if (x.name != "parameter_server") return;
  if (e.run.device == "cuda")
    s.run.fail("device",
               "= cuda, but exchange.name = parameter_server trains on CPUs "
               "(set run.device = cpu, or exchange.name = all_reduce)");
  const bool sync = x.consistency == "sync";
  if (!sync && e.train.clip_norm > 0)
    s.train.fail(
        "clip_norm",
        "needs the gradients of all workers first, and exchange.consistency = " + x.consistency +
            " applies each by itself (use train.clip_value, or consistency = sync)");
  if (!sync && e.train.clip_table_norm > 0)
    s.train.fail(
        "clip_table_norm",
        "needs the gradients of all workers first, and exchange.consistency = " + x.consistency +
            " applies each by itself (use train.clip_row_norm, or consistency = sync)");
  if (sync && x.push_every > 1)
    s.exchange.fail("push_every", "> 1 needs consistency = bounded or async");
  if (sync && x.delay_compensation > 0)
    s.exchange.fail("delay_compensation",
                    "> 0 needs consistency = bounded or async (in sync mode no gradient is late)");
  const bool served = x.dense == "served";
  if (!served && !sync)
    s.exchange.fail("dense", "= all_reduce makes workers go in step, and consistency = " +
                                 x.consistency + " lets each go at its own pace (use sync)");
  if (!served && x.tables != "served")
    s.exchange.fail("dense", "= all_reduce leaves nothing for the servers (set tables = served)");
  if (x.codec != "none" && !served)
    s.exchange.fail("codec",
                    "is for blocks that travel to servers, and dense = all_reduce sends "
                    "none (set dense = served)");
  if (x.codec != "none" && e.run.reproducible)
    s.exchange.fail("codec", "= " + x.codec +
                                 " rounds what each worker sends, so weights depend on how many "
                                 "there are (set run.reproducible = false)");
}

static void check_devices(const Experiment& e, const Sections& s) {
  if (e.cuda.reduce_type != "fp32" && e.run.reproducible)
    s.cuda.fail("reduce_type", "= " + e.cuda.reduce_type +
                                   " rounds what each device sends, so weights depend on how many "
                                   "there are (set run.reproducible = false)");
}

void check_across_sections(const Experiment& e, const Sections& s) {
  Section &train = s.train, &schedule = s.schedule, &exports = s.exports;
  check_servers(e, s);
  check_devices(e, s);
  const bool validates =
      !e.data.validation.empty() || e.data.validation_split > 0 || e.data.validation_samples > 0;
  if (e.train.early_stopping > 0 && !validates) {
    train.fail("early_stopping", "needs validation data for train.monitor = " + e.train.monitor +
                                     " (set data.validation or data.validation_split)");
  }
  if (e.export_.best && !e.checkpoint.keep_best)
    exports.fail("best", "needs checkpoint.keep_best = true");
  if (e.export_.best && !validates)
    exports.fail("best", "needs validation data (set data.validation or data.validation_split)");
  const bool has_length = e.schedule.name == "polynomial" || e.schedule.name == "cosine";
  if (has_length && e.schedule.total <= 0 && e.train.max_epochs <= 0 && e.train.max_steps <= 0) {
    schedule.fail("total",
                  "missing (train.max_epochs and train.max_steps are 0, so the run's length "
                  "is not known)");
  }
}

}  // namespace trireme::config
