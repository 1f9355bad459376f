-- names no schema and ends without a line break
INSERT INTO note (author_id, body) VALUES (2, 'more');