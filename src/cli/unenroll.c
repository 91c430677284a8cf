/* SPDX-License-Identifier: MIT */
#include "cli/device.h"

int verb_unenroll(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_device_job_ DeviceJob *job = NULL;
        bool revoke = false;
        const CliOption options[] = {
                { "revoke", CLI_FLAG, &revoke, NULL, "Ask the CA to revoke the certificate first" },
                {},
        };
        int r, status;

        cli_parse(c, argc, argv, options, 0, 0);
        status = device_job_listen(c, &job);
        if (status != EXIT_SUCCESS)
                return status;
        status = cli_new_call(c, ATTEZT_AGENT_INTERFACE, "Unenroll", &m);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_append(m, "a{sv}", 1, "revoke", "b", (int) revoke);
        if (r < 0)
                return cli_failed(r, "make a message");
        return device_job_run(job, m, "This device is no longer enrolled.");
}
