/* SPDX-License-Identifier: MIT */
#include "cli/device.h"

int verb_renew(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_device_job_ DeviceJob *job = NULL;
        bool if_due = false;
        const CliOption options[] = {
                { "if-due", CLI_FLAG, &if_due, NULL, "Only if the agent's own plan has it due" },
                {},
        };
        int r, status;

        cli_parse(c, argc, argv, options, 0, 0);
        status = device_job_listen(c, &job);
        if (status != EXIT_SUCCESS)
                return status;
        status = cli_new_call(c, ATTEZT_AGENT_INTERFACE, "Renew", &m);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && if_due)
                r = device_append_flag(m, "if-due", true);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        return device_job_run(job, m, "The certificate is renewed.");
}
