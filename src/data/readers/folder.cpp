// One folder a class: ROOT/CLASS/**/*.jpg. Classes are numbered in the order of their sorted names.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "data/image_list.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;
constexpr const char* kLayoutHint = "the folder reader needs ROOT/CLASS/IMAGE; data.train is ROOT";

// A link to nothing is one, too: reading it says so, where passing it over would lose a sample.
bool is_image(const fs::directory_entry& entry) {
  constexpr std::array<std::string_view, 6> kExtensions{".jpg", ".jpeg", ".png",
                                                        ".JPG", ".JPEG", ".PNG"};
  const std::string extension = entry.path().extension().string();
  return (entry.is_regular_file() || !entry.exists()) &&
         std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

std::vector<std::string> class_folders(const Path& root) {
  if (!fs::is_directory(root)) {
    throw DataError(
        fmt::format("{} is not a folder; the folder reader needs ROOT/CLASS/IMAGE", root.string()),
        "check data.train and data.validation");
  }
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || name.starts_with('.')) continue;
    if (not_utf8(name) != std::string::npos)
      throw DataError(fmt::format("{}: the name of this class is not UTF-8", entry.path().string()),
                      "rename the folder");
    names.push_back(name);
  }
  if (names.empty())
    throw DataError(fmt::format("{} has no folders, one for each class", root.string()),
                    kLayoutHint);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Path> images_of(const Path& folder) {
  std::vector<Path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (is_image(entry)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

int64_t label_of(const std::string& name, const std::vector<std::string>& classes,
                 const Path& root) {
  const auto at = std::find(classes.begin(), classes.end(), name);
  if (at == classes.end()) {
    const auto near = nearest(name, classes);
    throw DataError(
        fmt::format("{} is not a class of the training data ({} classes{})", (root / name).string(),
                    classes.size(), near ? fmt::format("; nearest: {}", *near) : ""),
        "remove or rename the folder, or add the class to the training data");
  }
  return at - classes.begin();
}

}  // namespace

RawData read_folder(const ReadRequest& request) {
  RawData raw;
  if (request.known) {
    raw.class_names = request.known->schema.class_names;
  } else {
    for (const std::string& root : request.files) {
      const auto names = class_folders(root);
      raw.class_names.insert(raw.class_names.end(), names.begin(), names.end());
    }
    std::sort(raw.class_names.begin(), raw.class_names.end());
    raw.class_names.erase(std::unique(raw.class_names.begin(), raw.class_names.end()),
                          raw.class_names.end());
  }
  raw.classes = static_cast<int64_t>(raw.class_names.size());
  ImageList list;
  for (const std::string& file : request.files) {
    const Path root = file;
    for (const std::string& name : class_folders(root)) {
      const int64_t label = label_of(name, raw.class_names, root);
      for (const Path& path : images_of(root / name)) {
        list.images.push_back({path.string(), {}, path, label});
        raw.files.push_back({path, path.lexically_relative(root).string()});
      }
    }
  }
  if (list.images.empty()) {
    throw DataError(
        fmt::format("{} has no .jpg, .jpeg or .png files", fmt::join(request.files, ", ")),
        kLayoutHint);
  }
  decode_images(std::move(list), request, raw);
  return raw;
}

}  // namespace trireme
