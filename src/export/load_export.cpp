#include <fmt/format.h>

#include "base/error.h"
#include "config/experiment.h"
#include "export/digests.h"
#include "export/export.h"
#include "export/safetensors_model.h"

namespace trireme {
namespace {

Preprocessing read_preprocessing(const Path& file) {
  try {
    return Preprocessing::from_json(read_text(file));
  } catch (const FormatError& e) {
    throw FormatError(fmt::format("{}: {}", file.string(), e.what()),
                      "the file is damaged or was edited; export the model again");
  }
}

// What `load` gives, with an experiment that can be read: one that cannot is the export's fault,
// not that of an experiment which the user wrote.
template <class Load>
LoadedModel with_experiment(const Path& file, const Load& load) {
  try {
    LoadedModel model = load();
    if (!model.config.empty()) (void)parse_experiment(model.config, "its experiment", {});
    return model;
  } catch (const ConfigError& e) {
    throw FormatError(fmt::format("{}: {}", file.string(), e.what()),
                      "the export is damaged or was edited; export the model again");
  }
}

LoadedModel load_safetensors(const Path& file) {
  const Path folder = file.parent_path();
  for (const char* companion : {"experiment.ini", "preprocessing.json"})
    if (!std::filesystem::exists(folder / companion))
      throw FormatError(fmt::format("{}: {} is not beside it", file.string(), companion),
                        "a safetensors file holds weights alone; keep the export folder together");
  LoadedModel model = with_experiment(folder / "experiment.ini", [&] {
    return read_safetensors_model(file, read_text(folder / "experiment.ini"),
                                  read_preprocessing(folder / "preprocessing.json"));
  });
  for (const Path& read : {file, folder / "experiment.ini", folder / "preprocessing.json"})
    check_digest(read);
  return model;
}

// After reading: what is wrong in the file itself says more than that its digest differs.
LoadedModel checked_onnx(const Path& file) {
  LoadedModel model = with_experiment(file, [&] { return read_onnx(file); });
  check_digest(file);
  return model;
}

}  // namespace

LoadedModel load_export(const Path& what) {
  if (std::filesystem::is_directory(what)) {
    if (std::filesystem::exists(what / "model.onnx")) return checked_onnx(what / "model.onnx");
    if (std::filesystem::exists(what / "model.safetensors"))
      return load_safetensors(what / "model.safetensors");
    throw FormatError(fmt::format("{}: no model.onnx and no model.safetensors", what.string()),
                      "give a folder that `trireme export` wrote");
  }
  if (!std::filesystem::exists(what))
    throw DataError(fmt::format("{}: no such file or folder", what.string()),
                    "give an export folder, a .onnx or a .safetensors file");
  if (what.extension() == ".onnx") return checked_onnx(what);
  if (what.extension() == ".safetensors") return load_safetensors(what);
  throw FormatError(fmt::format("{}: neither .onnx nor .safetensors", what.string()),
                    "give an export folder, a .onnx or a .safetensors file");
}

}  // namespace trireme
