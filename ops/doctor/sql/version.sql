-- The server's version, as a number and in its own words.
SELECT current_setting('server_version_num')::integer AS number, current_setting('server_version') AS text
