/**
 * Record types: number, name, then `event.action`, `event.category`, `event.type` and whom its fields name, where there is
 * something to say. Numbers and names: <linux/audit.h> and <libaudit.h>. What follows them are the values of Elastic's auditd
 * integration and of go-libaudit, on which dashboards and rules rely.
 */
export const TYPE_TABLE = `
1005 USER sent-message
1006 LOGIN changed-login-id-to authentication start login
1100 USER_AUTH authenticated authentication info session
1101 USER_ACCT was-authorized authentication info session
1102 USER_MGMT modified-user-account iam user+change account
1103 CRED_ACQ acquired-credentials authentication info session
1104 CRED_DISP disposed-credentials authentication info session
1105 USER_START started-session session start session-named
1106 USER_END ended-session session end session
1107 USER_AVC access-permission
1108 USER_CHAUTHTOK changed-password iam user+change password
1109 USER_ERR error authentication info session
1110 CRED_REFR refreshed-credentials authentication info session
1111 USYS_CONFIG changed-configuration configuration change
1112 USER_LOGIN logged-in authentication start session
1113 USER_LOGOUT logged-out authentication end session-named
1114 ADD_USER added-user-account iam user+creation target
1115 DEL_USER deleted-user-account iam user+deletion target
1116 ADD_GROUP added-group-account-to iam group+creation group
1117 DEL_GROUP deleted-group-account-from iam group+deletion group
1118 DAC_CHECK access-result
1119 CHGRP_ID changed-group process change
1120 TEST sent-test process info
1121 TRUSTED_APP unknown process info
1122 USER_SELINUX_ERR access-error
1123 USER_CMD ran-command process start
1124 USER_TTY typed
1125 CHUSER_ID changed-user-id process change
1126 GRP_AUTH authenticated-to-group authentication info group-auth
1127 SYSTEM_BOOT booted-system host info
1128 SYSTEM_SHUTDOWN shutdown-system host info
1129 SYSTEM_RUNLEVEL changed-to-runlevel host change
1130 SERVICE_START started-service process start
1131 SERVICE_STOP stopped-service process end
1132 GRP_MGMT modified-group-account iam group+change group-change
1133 GRP_CHAUTHTOK changed-group-password iam group+change group-password
1134 MAC_CHECK mac-permission
1135 ACCT_LOCK locked-account iam user+info
1136 ACCT_UNLOCK unlocked-account iam user+info
1137 USER_DEVICE
1138 SOFTWARE_UPDATE package-updated package info
1200 DAEMON_START started-audit process start
1201 DAEMON_END shutdown-audit process end
1202 DAEMON_ABORT aborted-auditd-startup process end
1203 DAEMON_CONFIG changed-auditd-configuration process+configuration change
1204 DAEMON_RECONFIG reconfigured-auditd process+configuration info
1205 DAEMON_ROTATE rotated-audit-logs process change
1206 DAEMON_RESUME resumed-audit-logging process change
1207 DAEMON_ACCEPT remote-audit-connected network connection+start
1208 DAEMON_CLOSE remote-audit-disconnected network connection+start
1209 DAEMON_ERR audit-error process info
1300 SYSCALL
1301 FS_WATCH
1302 PATH
1303 IPC
1304 SOCKETCALL
1305 CONFIG_CHANGE changed-audit-configuration process+configuration change
1306 SOCKADDR
1307 CWD
1309 EXECVE
1311 IPC_SET_PERM
1312 MQ_OPEN
1313 MQ_SENDRECV
1314 MQ_NOTIFY
1315 MQ_GETSETATTR
1316 KERNEL_OTHER
1317 FD_PAIR
1318 OBJ_PID
1319 TTY typed
1320 EOE
1321 BPRM_FCAPS
1322 CAPSET
1323 MMAP
1324 NETFILTER_PKT
1325 NETFILTER_CFG loaded-firewall-rule-to configuration change
1326 SECCOMP violated-seccomp-policy
1327 PROCTITLE
1328 FEATURE_CHANGE changed-audit-feature configuration change
1329 REPLACE
1330 KERN_MODULE loaded-kernel-module driver start
1331 FANOTIFY
1332 TIME_INJOFFSET
1333 TIME_ADJNTPVAL
1334 BPF
1335 EVENT_LISTENER
1336 URINGOP
1337 OPENAT2
1338 DM_CTRL
1339 DM_EVENT
1400 AVC
1401 SELINUX_ERR caused-mac-policy-error
1402 AVC_PATH
1403 MAC_POLICY_LOAD loaded-selinux-policy configuration access
1404 MAC_STATUS changed-selinux-enforcement configuration change
1405 MAC_CONFIG_CHANGE changed-selinux-boolean configuration change
1406 MAC_UNLBL_ALLOW
1407 MAC_CIPSOV4_ADD
1408 MAC_CIPSOV4_DEL
1409 MAC_MAP_ADD
1410 MAC_MAP_DEL
1411 MAC_IPSEC_ADDSA
1412 MAC_IPSEC_DELSA
1413 MAC_IPSEC_ADDSPD
1414 MAC_IPSEC_DELSPD
1415 MAC_IPSEC_EVENT
1416 MAC_UNLBL_STCADD
1417 MAC_UNLBL_STCDEL
1418 MAC_CALIPSO_ADD
1419 MAC_CALIPSO_DEL
1420 IPE_ACCESS
1421 IPE_CONFIG_CHANGE
1422 IPE_POLICY_LOAD
1423 LANDLOCK_ACCESS
1424 LANDLOCK_DOMAIN
1425 MAC_TASK_CONTEXTS
1426 MAC_OBJ_CONTEXTS
1500 AA
1501 APPARMOR_AUDIT
1502 APPARMOR_ALLOWED
1503 APPARMOR_DENIED
1504 APPARMOR_HINT
1505 APPARMOR_STATUS
1506 APPARMOR_ERROR
1507 APPARMOR_KILL
1700 ANOM_PROMISCUOUS changed-promiscuous-mode-on-device
1701 ANOM_ABEND crashed-program process end
1702 ANOM_LINK used-suspicious-link
1703 ANOM_CREAT
1800 INTEGRITY_DATA
1801 INTEGRITY_METADATA
1802 INTEGRITY_STATUS
1803 INTEGRITY_HASH
1804 INTEGRITY_PCR
1805 INTEGRITY_RULE
1806 INTEGRITY_EVM_XATTR
1807 INTEGRITY_POLICY_RULE
2000 KERNEL initialized-audit-subsystem process info
2100 ANOM_LOGIN_FAILURES failed-log-in-too-many-times-to
2101 ANOM_LOGIN_TIME attempted-log-in-during-unusual-hour-to
2102 ANOM_LOGIN_SESSIONS opened-too-many-sessions-to
2103 ANOM_LOGIN_ACCT
2104 ANOM_LOGIN_LOCATION attempted-log-in-from-unusual-place-to
2105 ANOM_MAX_DAC
2106 ANOM_MAX_MAC
2107 ANOM_AMTU_FAIL
2108 ANOM_RBAC_FAIL
2109 ANOM_RBAC_INTEGRITY_FAIL tested-file-system-integrity-of
2110 ANOM_CRYPTO_FAIL
2111 ANOM_ACCESS_FS
2112 ANOM_EXEC attempted-execution-of-forbidden-program process start
2113 ANOM_MK_EXEC
2114 ANOM_ADD_ACCT
2115 ANOM_DEL_ACCT
2116 ANOM_MOD_ACCT
2117 ANOM_ROOT_TRANS
2118 ANOM_LOGIN_SERVICE
2119 ANOM_LOGIN_ROOT
2120 ANOM_ORIGIN_FAILURES
2121 ANOM_SESSION
2200 RESP_ANOMALY
2201 RESP_ALERT
2202 RESP_KILL_PROC
2203 RESP_TERM_ACCESS
2204 RESP_ACCT_REMOTE
2205 RESP_ACCT_LOCK_TIMED
2206 RESP_ACCT_UNLOCK_TIMED
2207 RESP_ACCT_LOCK
2208 RESP_TERM_LOCK
2209 RESP_SEBOOL
2210 RESP_EXEC
2211 RESP_SINGLE
2212 RESP_HALT
2213 RESP_ORIGIN_BLOCK
2214 RESP_ORIGIN_BLOCK_TIMED
2215 RESP_ORIGIN_UNBLOCK_TIMED
2300 USER_ROLE_CHANGE changed-role-to
2301 ROLE_ASSIGN assigned-user-role-to iam user+change
2302 ROLE_REMOVE removed-user-role-from iam user+change
2303 LABEL_OVERRIDE overrode-label-of
2304 LABEL_LEVEL_CHANGE modified-level-of
2305 USER_LABELED_EXPORT
2306 USER_UNLABELED_EXPORT
2307 DEV_ALLOC
2308 DEV_DEALLOC
2309 FS_RELABEL relabeled-filesystem
2310 USER_MAC_POLICY_LOAD loaded-mac-policy configuration access
2311 ROLE_MODIFY modified-role iam change
2312 USER_MAC_CONFIG_CHANGE changed-mac-configuration configuration change
2313 USER_MAC_STATUS
2400 CRYPTO_TEST_USER
2401 CRYPTO_PARAM_CHANGE_USER
2402 CRYPTO_LOGIN crypto-officer-logged-in
2403 CRYPTO_LOGOUT crypto-officer-logged-out process info
2404 CRYPTO_KEY_USER negotiated-crypto-key process info
2405 CRYPTO_FAILURE_USER
2406 CRYPTO_REPLAY_USER
2407 CRYPTO_SESSION started-crypto-session process info
2408 CRYPTO_IKE_SA
2409 CRYPTO_IPSEC_SA
2500 VIRT_CONTROL issued-vm-control host info
2501 VIRT_RESOURCE assigned-vm-resource host info
2502 VIRT_MACHINE_ID assigned-vm-id host info
2503 VIRT_INTEGRITY_CHECK checked-integrity-of host info
2504 VIRT_CREATE created-vm-image host info
2505 VIRT_DESTROY deleted-vm-image host info
2506 VIRT_MIGRATE_IN migrated-vm-from host info
2507 VIRT_MIGRATE_OUT migrated-vm-to host info
`
