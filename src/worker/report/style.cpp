#include "worker/report/style.h"

namespace trireme {

const std::string_view kReportStyle = R"css(
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1a202b;--soft:#5b6472;--line:#e3e6eb;--grid:#eceef2;
--train:#2f6fde;--valid:#e0701a;--other:#7a5cd1;--speed:#12877a;--right:47 111 222;--wrong:214 84 36;--good:#147a3d;--bad:#c22f2f;--warn:#a86400;
--compute:#2f6fde;--exchange:#e0701a;--optimizer:#a8862c;--data:#12877a;--evaluation:#7a5cd1;--checkpoint:#b8447f;--rest:#a6aebb}
@media(prefers-color-scheme:dark){:root{--page:#12151b;--card:#1a1e26;--ink:#e7eaf0;--soft:#98a2b3;--line:#2b313c;--grid:#262c36;
--train:#6ea2ff;--valid:#ff9d52;--other:#ab92f5;--speed:#44c2b1;--right:84 142 245;--wrong:240 112 64;--good:#58c985;--bad:#ff7b7b;--warn:#f0b35a;
--compute:#4a83e8;--exchange:#d9792f;--optimizer:#b59540;--data:#25998a;--evaluation:#8b6fe0;--checkpoint:#c2578d;--rest:#5c6675}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1200px;margin:0 auto;padding:36px 24px 64px}
h1{font-size:28px;line-height:1.2;margin:0;display:flex;align-items:center;gap:14px;flex-wrap:wrap;overflow-wrap:anywhere}
h2{font-size:18px;margin:40px 0 12px}h3{font-size:14px;margin:0;font-weight:600}
small,.quiet{color:var(--soft);font-weight:400}h2 small{font-size:13px;margin-left:6px}.quiet{margin:10px 0 0;font-size:13px}
.badge{font-size:13px;font-weight:600;padding:2px 10px;border-radius:99px;border:1px solid currentColor;color:var(--warn)}
.badge.good{color:var(--good)}.badge.bad{color:var(--bad)}.badge.live{color:var(--train)}
.facts{color:var(--soft);margin:8px 0 0;display:flex;flex-wrap:wrap;gap:2px 18px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:14px;margin-top:24px}
.card,figure,.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;min-width:0}
.tile span{display:block;color:var(--soft);font-size:13px}.tile b{display:block;font-size:27px;line-height:1.25;font-weight:600;letter-spacing:-.01em;white-space:nowrap}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(460px,100%),1fr));gap:14px;align-items:start}
figure{margin:0}figcaption{display:flex;justify-content:space-between;gap:12px;flex-wrap:wrap;margin-bottom:8px}
svg{display:block;width:100%;height:auto}svg text{font-size:12px;fill:var(--soft)}
.grid{stroke:var(--grid)}.axis,.tick{stroke:var(--line)}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.faint{stroke-width:1;opacity:.28}
.line.train{stroke:var(--train)}.line.validation{stroke:var(--valid)}.line.other{stroke:var(--other)}.line.speed{stroke:var(--speed)}
.dot.validation{fill:var(--card);stroke:var(--valid);stroke-width:2}
.key{display:inline-flex;align-items:center;gap:6px;font-size:13px;color:var(--soft);margin-left:14px}.key b{color:var(--ink);font-weight:600}
.key i{width:10px;height:10px;border-radius:3px}.keys{display:flex;flex-wrap:wrap;gap:4px 22px;margin-top:14px}.keys .key{margin:0}
i.train{background:var(--train)}i.validation{background:var(--valid)}i.other{background:var(--other)}i.speed{background:var(--speed)}
.bar{display:flex;gap:2px;height:34px;border-radius:6px;overflow:hidden}.bar i{min-width:2px;color:#fff;font:600 13px/34px inherit;font-style:normal;font-size:13px;line-height:34px;text-align:center;overflow:hidden}
.t-compute{background:var(--compute)}.t-exchange{background:var(--exchange)}.t-optimizer{background:var(--optimizer)}.t-data{background:var(--data)}.t-evaluation{background:var(--evaluation)}.t-checkpoint{background:var(--checkpoint)}.t-other{background:var(--rest)}
.scroll{overflow-x:auto;margin-top:12px}table{border-collapse:collapse;font-size:13px}
th{font-weight:500;text-align:left;color:var(--soft)}td{text-align:right}
.heat{border-collapse:separate;border-spacing:2px;width:100%}.heat th{text-align:center;padding:2px 4px;white-space:nowrap}.heat tr>th:first-child{text-align:right;padding-right:8px}.heat .corner{font-size:11px;vertical-align:bottom;white-space:normal;line-height:1.2}
.heat.tall tr:first-child th:not(.corner){vertical-align:bottom}.heat.tall tr:first-child span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block}
.heat td{text-align:center;min-width:34px;height:32px;padding:0 3px;border-radius:4px;font-size:12px}
.right{background:rgb(var(--right)/var(--a))}.wrong{background:rgb(var(--wrong)/var(--a))}.strong{color:#fff}.zero{color:var(--line)}
.scores,.log{width:100%}.scores th,.scores td,.log th,.log td{padding:5px 10px;border-bottom:1px solid var(--grid)}.scores tr:first-child th:not(:first-child),.log tr:first-child th{text-align:right}.log tr:first-child th:first-child{text-align:right}
.meter{background:linear-gradient(90deg,rgb(var(--right)/.16) var(--p),transparent 0) no-repeat 0 50%/100% 70%}
ol.notes{list-style:none;margin:0;padding:0}.notes li{display:flex;gap:16px;padding:4px 0;border-bottom:1px solid var(--grid)}.notes li:last-child{border:0}.notes span{color:var(--soft);flex:none;width:9.5em;text-align:right;font-size:13px}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 18px;margin-top:14px}summary{cursor:pointer;font-weight:600}
.config{width:100%;margin-top:10px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}.config td,.config th{text-align:left;padding:2px 12px 2px 0;vertical-align:top;overflow-wrap:anywhere}.config th{padding-top:12px;color:var(--ink);font-weight:700}.config td:last-child{color:var(--soft)}.config .default td{color:var(--soft)}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:13px;margin-top:40px}
@media print{body{background:#fff}.card,figure,.tile{break-inside:avoid}}
)css";

}  // namespace trireme
