#include "config/rules.h"

namespace trireme::config {

// What a parameter server cannot do, or not in every mode.
static void check_servers(const Experiment& e, Section& run, Section& train) {
  if (e.exchange.name != "parameter_server") return;
  if (e.run.device == "cuda")
    run.fail("device",
             "= cuda, but exchange.name = parameter_server trains on CPUs "
             "(set run.device = cpu, or exchange.name = all_reduce)");
  if (e.exchange.consistency != "sync" && e.train.clip_norm > 0)
    train.fail("clip_norm",
               "needs the gradients of all workers first, and exchange.consistency = " +
                   e.exchange.consistency +
                   " applies each by itself (use train.clip_value, or consistency = sync)");
}

void check_across_sections(const Experiment& e, Section& run, Section& train, Section& schedule,
                           Section& exports) {
  check_servers(e, run, train);
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
