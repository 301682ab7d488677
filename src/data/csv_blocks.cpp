#include "data/csv_blocks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "data/block_order.h"

namespace trireme {
namespace {

constexpr size_t kKept = 2 * BlockOrder::kGroup + 4;

}  // namespace

CsvBlocks::CsvBlocks(std::vector<CsvFile> files, CsvLayout layout, const FeatureMap& features,
                     ClassTable classes, std::vector<CsvSurvey::Block> blocks)
    : files_(std::move(files)),
      layout_(std::move(layout)),
      features_(features),
      encoder_(features_),
      classes_(std::move(classes)),
      blocks_(std::move(blocks)),
      cache_(kKept, [this](size_t index) { return read(index); }) {
  for (const CsvFile& file : files_) names_.push_back(column_names(file, layout_.header));
}

void CsvBlocks::throw_changed(const CsvFile& file) const {
  throw DataError(fmt::format("{} is not what it was when it was opened", file.path().string()),
                  "is another program writing it?");
}

void CsvBlocks::add(const CsvRow& row, size_t at, Encoded& block) const {
  std::vector<int64_t> unknown(features_.columns.size());
  encoder_.input(row, block.input.data() + at * static_cast<size_t>(encoder_.width()), unknown);
  encoder_.ids(row, block.ids.data() + at * static_cast<size_t>(encoder_.ids()));
  if (!layout_.weight.empty()) block.weights.push_back(row.weight());
  if (layout_.real_target) {
    block.targets.push_back(row.target());
    return;
  }
  const auto label = classes_.find(row.label());
  if (label == classes_.end())
    throw DataError(fmt::format("{}:{}: label {} was not there when the file was opened",
                                row.reader().file(), row.reader().line(), row.label()),
                    "is another program writing it?");
  block.labels.push_back(label->second);
}

std::shared_ptr<const CsvBlocks::Encoded> CsvBlocks::read(size_t index) const {
  const CsvSurvey::Block& at = blocks_[index];
  const CsvFile& file = files_[at.file];
  auto block = std::make_shared<Encoded>();
  block->input.resize(static_cast<size_t>(at.rows * encoder_.width()));
  block->ids.resize(static_cast<size_t>(at.rows * encoder_.ids()));
  CsvRow row(layout_, names_[at.file], file.path().string());
  int64_t rows = 0;
  file.for_each_of(at.begin, at.end, [&](const CsvReader& reader) {
    row.at(reader);
    if (rows == at.rows) throw_changed(file);
    add(row, static_cast<size_t>(rows++), *block);
  });
  if (rows != at.rows) throw_changed(file);
  return block;
}

RawSample CsvBlocks::row(uint64_t row) const {
  const auto behind =
      std::upper_bound(blocks_.begin(), blocks_.end(), static_cast<int64_t>(row),
                       [](int64_t r, const CsvSurvey::Block& b) { return r < b.first_row; });
  const auto at = behind - 1;
  const std::shared_ptr<const Encoded> block =
      cache_.get(static_cast<size_t>(at - blocks_.begin()));
  const size_t i = row - static_cast<size_t>(at->first_row);
  RawSample sample;
  sample.input = block->input.data() + i * static_cast<size_t>(encoder_.width());
  sample.ids = block->ids.data() + i * static_cast<size_t>(encoder_.ids());
  if (layout_.real_target)
    sample.target = block->targets.data() + i;
  else
    sample.label = block->labels[i];
  if (!layout_.weight.empty()) sample.weight = block->weights[i];
  sample.keep = block;
  return sample;
}

}  // namespace trireme
