#pragma once
#include <string_view>

namespace trireme {

extern const std::string_view kReportStyle;  // the report's style sheet, for light and dark

}  // namespace trireme
