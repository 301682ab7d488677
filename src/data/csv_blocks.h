#pragma once
// Rows of CSV files read block by block: an index of where the blocks lie, and a cache of encoded
// ones.

#include "data/block_cache.h"
#include "data/csv_encode.h"

namespace trireme {

class CsvBlocks {
 public:
  // `blocks`: survey_csv's, of the same files, which must not change. Blocks kept: those of two
  // groups of a block order, and a few.
  CsvBlocks(std::vector<CsvFile> files, CsvLayout layout, const FeatureMap& features,
            ClassTable classes, std::vector<CsvSurvey::Block> blocks);
  // Thread-safe. Throws DataError when the file is not what it was.
  RawSample row(uint64_t row) const;

 private:
  struct Encoded {
    std::vector<float> input, targets, weights;
    std::vector<int64_t> labels, ids;
  };
  std::shared_ptr<const Encoded> read(size_t index) const;
  void add(const CsvRow& row, size_t at, Encoded& block) const;
  [[noreturn]] void throw_changed(const CsvFile& file) const;

  std::vector<CsvFile> files_;
  std::vector<std::vector<std::string>> names_;  // of the columns, by file
  CsvLayout layout_;
  FeatureMap features_;
  CsvEncoder encoder_;  // of features_
  ClassTable classes_;
  std::vector<CsvSurvey::Block> blocks_;
  mutable BlockCache<Encoded> cache_;
};

}  // namespace trireme
