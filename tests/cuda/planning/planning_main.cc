// cuda_planning PRECISION DEVICES [TABLE [--update]]: plans the convolutions of every experiment in
// configs/, in fp32, tf32, bf16 or fp16, for the devices that DEVICES/sm_*.json describe, and
// compares engines and workspaces with TABLE. No device is needed: cuDNN plans from the
// description, and a driver of ours (stub_driver.cpp) stands for the machine's. --update writes
// TABLE anew; without a TABLE, every convolution must have an engine.
//
// Exit codes: 0 the same, 1 not the same (or something has no engine), 77 the table was made with
// another version of cuDNN.

#include <cudnn.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "cuda/planning/config_convolutions.h"
#include "kernels/cuda/conv_graph.h"

namespace trireme {
namespace {

using Lines = std::vector<std::string>;

struct DeviceDescription {
  std::string name;  // "sm_90"
  cu::ConvTarget target;
};

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

constexpr const char* kPrecisions[] = {"fp32", "tf32", "bf16", "fp16"};  // as enum Precision

std::vector<DeviceDescription> read_devices(const std::filesystem::path& folder,
                                            Precision precision) {
  std::vector<DeviceDescription> devices;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string text = read_text(entry.path()), name = entry.path().stem().string();
    devices.push_back({name,
                       {.device = {text.begin(), text.end()},
                        .capability = std::stoi(name.substr(3)),
                        .precision = precision}});
  }
  std::sort(devices.begin(), devices.end(),
            [](const auto& a, const auto& b) { return a.target.capability < b.target.capability; });
  return devices;
}

// The planned line, or one that begins with "no engine".
std::string plan_line(const Convolution& convolution, const DeviceDescription& device) {
  std::string why;
  const auto graph =
      cu::plan_with_most_fusion(convolution.spec, convolution.pass, device.target, why);
  const std::string problem = fmt::format("{} {}", device.name, describe(convolution));
  if (!graph) return fmt::format("no engine: {}: {}", problem, why);
  const Conv2dSpec& s = convolution.spec;
  const bool forward = convolution.pass == ConvPass::forward;
  std::string left;  // to kernels of ours
  if (forward && graph->fusion().bias != s.bias) left += ", bias by a kernel of ours";
  if (forward && graph->fusion().activation != s.activation)
    left += ", activation by a kernel of ours";
  return fmt::format("{}: {}, workspace {}{}", problem, graph->engine(), graph->workspace_bytes(),
                     left);
}

Lines plan_all(const std::vector<DeviceDescription>& devices) {
  Lines lines{fmt::format("cuDNN {}", cudnnGetVersion())};
  const auto convolutions = convolutions_of_configs();
  for (const DeviceDescription& device : devices)
    for (const Convolution& convolution : convolutions)
      lines.push_back(plan_line(convolution, device));
  return lines;
}

Lines read_lines(const std::string& file) {
  Lines lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void print_missing(const char* sign, const Lines& of, const Lines& in) {
  const std::set<std::string> known(in.begin(), in.end());
  for (const std::string& line : of)
    if (!known.contains(line)) fmt::print("{} {}\n", sign, line);
}

int compare(const Lines& planned, const Lines& table, const std::string& file) {
  if (table.empty() || table[0] != planned[0]) {
    fmt::print("{} was made with {}, this is {}: not compared\n", file,
               table.empty() ? "nothing" : table[0], planned[0]);
    return 77;
  }
  print_missing("-", table, planned);
  print_missing("+", planned, table);
  if (planned == table)
    fmt::print("{} plans as in {}\n", planned.size() - 1, file);
  else
    fmt::print("{} differs: run with --update and look at the difference\n", file);
  return planned == table ? 0 : 1;
}

int run(Precision precision, const std::string& folder, const std::string& file, bool update) {
  const Lines planned = plan_all(read_devices(folder, precision));
  const auto missing = std::count_if(planned.begin(), planned.end(), [](const std::string& line) {
    return line.starts_with("no engine");
  });
  for (const std::string& line : planned)
    if (line.starts_with("no engine")) fmt::print("{}\n", line);
  if (planned.size() == 1 || missing > 0) return 1;
  if (file.empty()) {
    fmt::print("{} plans\n", planned.size() - 1);
    return 0;
  }
  if (!update) return compare(planned, read_lines(file), file);
  std::ofstream out(file);
  for (const std::string& line : planned) out << line << '\n';
  return out.good() ? 0 : 1;
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) {
  const auto& names = trireme::kPrecisions;
  const auto precision = argc < 3
                             ? std::end(names)
                             : std::find(std::begin(names), std::end(names), std::string(argv[1]));
  if (precision == std::end(names)) {
    fmt::print(stderr, "usage: cuda_planning fp32|tf32|bf16|fp16 DEVICES [TABLE [--update]]\n");
    return 2;
  }
  return trireme::run(static_cast<trireme::Precision>(precision - std::begin(names)), argv[2],
                      argc > 3 ? argv[3] : "", argc > 4 && std::string(argv[4]) == "--update");
}
