#include "export/write_predictions.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace trireme {
namespace {

std::string column_name(const Interpreted& p, int64_t column) {
  return p.meaning == OutputMeaning::values ? fmt::format("value_{}", column)
                                            : p.class_name(column);
}

float cell(const Interpreted& p, int64_t i, int64_t column) {
  return p.table.floats()[static_cast<size_t>(i * p.table.shape[1] + column)];
}

// Quoted where RFC 4180 asks for it.
std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string to_csv(const Interpreted& p) {
  const bool classes = p.meaning != OutputMeaning::values;
  std::string text = classes ? "sample,class" : "sample";
  for (int64_t c = 0; c < p.table.shape[1]; ++c)
    text += fmt::format(",{}", csv_cell(column_name(p, c)));
  text += "\n";
  for (int64_t i = 0; i < p.table.shape[0]; ++i) {
    text += fmt::format("{}", i);
    if (classes) text += fmt::format(",{}", csv_cell(p.class_name(p.top(i, 1).at(0))));
    for (int64_t c = 0; c < p.table.shape[1]; ++c) text += fmt::format(",{}", cell(p, i, c));
    text += "\n";
  }
  return text;
}

std::string to_json(const Interpreted& p) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < p.table.shape[0]; ++i) {
    nlohmann::ordered_json row = {{"sample", i}};
    if (p.meaning != OutputMeaning::values) row["class"] = p.class_name(p.top(i, 1).at(0));
    nlohmann::ordered_json columns = nlohmann::ordered_json::object();
    for (int64_t c = 0; c < p.table.shape[1]; ++c) columns[column_name(p, c)] = cell(p, i, c);
    const char* key = p.meaning == OutputMeaning::probabilities ? "probabilities"
                      : p.meaning == OutputMeaning::scores      ? "scores"
                                                                : "values";
    row[key] = columns;
    list.push_back(row);
  }
  return list.dump(1) + "\n";
}

// Version 1.0 of the format: magic, header length, a Python literal padded to a multiple of 64,
// data.
std::string to_npy(const HostTensor& table) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", table.shape[0],
                  table.shape[1]);
  const size_t prefix = 10;
  header.append((64 - (prefix + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  text += header;
  text.append(reinterpret_cast<const char*>(table.bytes.data()), table.bytes.size());
  return text;
}

}  // namespace

std::string prediction_lines(const Interpreted& p, int64_t top) {
  std::string text;
  for (int64_t i = 0; i < p.table.shape[0]; ++i) {
    text += fmt::format("{}:", i);
    if (p.meaning == OutputMeaning::values) {
      for (int64_t c = 0; c < p.table.shape[1]; ++c) text += fmt::format(" {:.6g}", cell(p, i, c));
    } else {
      const char* separator = " ";
      for (int64_t c : p.top(i, top)) {
        text += separator + p.class_name(c);
        text += p.meaning == OutputMeaning::probabilities
                    ? fmt::format(" {:.2f} %", 100 * cell(p, i, c))
                    : fmt::format(" {:.4g}", cell(p, i, c));
        separator = ", ";
      }
    }
    text += "\n";
  }
  return text;
}

void write_predictions(const Interpreted& predictions, const Path& file) {
  if (file.extension() == ".csv") return write_atomic(file, to_csv(predictions));
  if (file.extension() == ".npy") return write_atomic(file, to_npy(predictions.table));
  if (file.extension() == ".json") return write_atomic(file, to_json(predictions));
  throw ConfigError(fmt::format("predictions: {} has an unknown extension", file.string()),
                    "use .csv, .npy or .json");
}

}  // namespace trireme
