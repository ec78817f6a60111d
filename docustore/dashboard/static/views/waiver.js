/** The waiver of a rule: accept its violations until a day, or end that. */

import { ask } from "../api.js";
import { actionButton } from "../dialog.js";

/** Its button; the argument is a rule of the report. */
export function waiverButton({ name, waiver }, refresh) {
  const path = `/quality/rules/${encodeURIComponent(name)}/waiver`;
  if (waiver) {
    return actionButton({
      label: "End the waiver",
      needs: "admin",
      key: `end the waiver of ${name}`,
      run: async () => {
        await ask(path, { method: "DELETE" });
        await refresh();
        return "The rule counts again.";
      },
    });
  }
  return actionButton({
    label: "Waive",
    needs: "admin",
    key: `waive ${name}`,
    ask: {
      title: "Accept the violations for some time?",
      text: "The rule is reported as waived until then, and alerts nobody. Its figures go on.",
      fields: [{ name: "until", label: "Until the end of", type: "date" }, { name: "reason", label: "Reason, for the next person" }],
    },
    run: async ({ until, reason }) => {
      await ask(path, { method: "PUT", body: { until: `${until}T23:59:59Z`, reason } });
      await refresh();
      return `Waived until ${until}.`;
    },
  });
}
